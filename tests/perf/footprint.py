"""How soon Kongsi is ready and how much memory it holds, with the example company and nobody connected.

The one-process program with the embedded transport on a migrated database, as one machine runs it.
"""
import sys
import time

import requests

from tests.lib.client import Api, Socket
from tests.lib.system import PASSWORD, System

STARTS = 5
READY_MAX_S = 1.0
RESIDENT_MAX_MIB = 64.0
POLL_S = 0.005
PEOPLE = 20  # who sign in, chat and leave again
MESSAGES_EACH = 25
SETTLED_S = 5  # resident memory did not change for so long
SETTLE_TIMEOUT_S = 60


def time_to_ready(system, program):
    started = time.monotonic()
    program.start()
    while True:
        assert program.process.poll() is None, program.log_path.read_text()[-2000:]
        try:
            if requests.get(f"{system.url}/readyz", timeout=1).status_code == 200:
                return time.monotonic() - started
        except requests.RequestException:
            pass
        time.sleep(POLL_S)


def memory_mib(pid):
    """Resident memory: VmRSS counts shared pages of libraries whole, Pss in proportion to their users."""
    def field(path, name):
        with open(path) as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name + ":"))

    return {"VmRSS": field(f"/proc/{pid}/status", "VmRSS"), "VmHWM": field(f"/proc/{pid}/status", "VmHWM"),
            "Pss": field(f"/proc/{pid}/smaps_rollup", "Pss")}


def settle(pid):
    """Waits until the memory has stopped changing."""
    last, last_change, deadline = memory_mib(pid), time.monotonic(), time.monotonic() + SETTLE_TIMEOUT_S
    while time.monotonic() - last_change < SETTLED_S and time.monotonic() < deadline:
        time.sleep(0.2)
        now = memory_mib(pid)
        if abs(now["VmRSS"] - last["VmRSS"]) > 0.1:
            last, last_change = now, time.monotonic()
    return memory_mib(pid)


def use(system):
    """People sign in, open sockets, write to one group, read, and close their browsers."""
    people = [Api(system.url).sign_in(f"HR{number:05d}", PASSWORD, "harbour-retail") for number in range(1, PEOPLE + 1)]
    sockets = [Socket(system.socket_url).sign_in(person) for person in people]
    group = people[0].group("Footprint", *people[1:])
    for number in range(MESSAGES_EACH):
        for person in people:
            person.send(group, f"message {number}")
    for person, socket in zip(people, sockets):
        socket.wait_message(group, PEOPLE * MESSAGES_EACH)
        person.mark_read(group, PEOPLE * MESSAGES_EACH)
        person.get("/v1/users", page_size=1000)
        socket.close()


def measure(system):
    system.start()
    system.import_company("harbour-retail", "Harbour Retail Limited")
    (program,) = system.programs.values()
    times = []
    for _ in range(STARTS):
        assert program.stop() == 0
        times.append(time_to_ready(system, program))
    started = settle(program.process.pid)
    use(system)
    return times, started, settle(program.process.pid)


def line(name, value, limit, unit):
    kept = value <= limit
    print(f"{name:<44}{value:8.2f} {unit:<4} limit {limit:g} {unit}  {'kept' if kept else 'BROKEN'}")
    return kept


def main():
    system = System(mode="single", events="embedded")
    try:
        times, started, used = measure(system)
    finally:
        system.stop()
    print(f"{STARTS} starts: {', '.join(f'{seconds:.3f} s' for seconds in times)}")
    for when, memory in (("after a start", started), (f"after {PEOPLE} people came and went", used)):
        print(f"memory {when}: VmRSS {memory['VmRSS']:.1f} MiB, highest ever {memory['VmHWM']:.1f} MiB, Pss {memory['Pss']:.1f} MiB")
    kept = [line("time to ready, the slowest start", max(times), READY_MAX_S, "s"),
            line("resident memory after a start", started["VmRSS"], RESIDENT_MAX_MIB, "MiB"),
            line("resident memory after use, nobody there", used["VmRSS"], RESIDENT_MAX_MIB, "MiB")]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
