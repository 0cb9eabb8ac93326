"""Kafka as a partner sees it: through kcat, which knows nothing of Kongsi."""
import subprocess
from typing import NamedTuple

KCAT_TIMEOUT_S = 60


class Record(NamedTuple):
    partition: int
    offset: int
    key: str
    headers: dict
    value: bytes


def kcat(system, *arguments, data=None):
    done = subprocess.run(["kcat", "-b", system.broker.address, *arguments], input=data, capture_output=True, timeout=KCAT_TIMEOUT_S)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def consume(system, topic, *arguments):
    """All records of a topic that are there now, in order within their partitions."""
    left = kcat(system, "-C", "-q", "-e", "-t", topic, "-f", r"%p %o %S %k|%h\n%s\n", *arguments)
    records = []
    while left:
        head, _, left = left.partition(b"\n")
        place, _, headers = head.decode().partition("|")
        partition, offset, size, key = (place + " ").split(" ")[:4]
        value, left = left[:int(size)], left[int(size) + 1:]
        records.append(Record(int(partition), int(offset), key, dict(pair.split("=", 1) for pair in headers.split(",") if pair), value))
    return records


def produce(system, topic, partition, value, key="", headers=()):
    options = [option for header in headers for option in ("-H", header)]
    kcat(system, "-P", "-t", topic, "-p", str(partition), *(("-k", key) if key else ()), *options, data=value)


def topics(system):
    """Partition counts by topic."""
    counts = {}
    for line in kcat(system, "-L").decode().splitlines():
        if line.strip().startswith('topic "'):
            name, rest = line.strip()[len('topic "'):].split('"', 1)
            counts[name] = int(rest.split()[1])
    return counts
