"""Many sockets, and one that does not read."""
import json
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import websocket

from tests.conftest import EVENTS, MODE
from tests.lib.client import JsonFrames

WHOLE = (MODE, EVENTS) == ("single", "embedded")
FLOOD_MESSAGES = 5000 if WHOLE else 1500  # 15 MB is past all buffers as well
FLOOD_TEXT = "流" * 3400                  # 10 KB
DELAY_MAX_S = 2.0
IDLE_SOCKETS = 2000 if WHOLE else 500
IDLE_SOCKET_SIZE_MAX_BYTES = 32 * 1024


def open_plain(system, person):
    """A socket nobody reads, signed in. Its receive buffer is small, so that the server feels it soon."""
    connection = websocket.create_connection(
        system.socket_url, subprotocols=[JsonFrames.subprotocol], timeout=30, suppress_origin=True,
        sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, 65536),))
    connection.send(json.dumps({"id": "in", "sign_in": {"access_token": person.tokens["access_token"]}}))
    return connection


def read_frame(connection):
    return json.loads(connection.recv())


def flood(person, conversation, count):
    def send(worker):
        own = person.twin()
        for _ in range(worker, count, 8):
            own.send(conversation, FLOOD_TEXT, str(uuid.uuid4()))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))


def test_a_socket_that_does_not_read_delays_nobody_and_is_told_to_pull(system, company, open_socket):
    alice, bob, carol, dave = company.people(50, 51, 52, 53)
    loud, quiet = alice.group("洪水", bob, carol), alice.group("安靜", dave)
    slow = open_plain(system, bob)
    assert "signed_in" in read_frame(slow)
    reading, watching = open_socket(carol), open_socket(dave)
    flooding = threading.Thread(target=flood, args=(alice, loud, FLOOD_MESSAGES))
    flooding.start()
    delays, pinged = [], 0
    while flooding.is_alive():
        if time.monotonic() - pinged > 5:  # it is there, it only does not read
            slow.send(json.dumps({"id": "alive", "ping": {}}))
            pinged = time.monotonic()
        sent = alice.twin().send(quiet, "probe")
        acknowledged = time.monotonic()
        watching.wait_message(quiet, int(sent["seq"]))
        delays.append(time.monotonic() - acknowledged)
        flooding.join(0.1)
    print(f"{FLOOD_MESSAGES} messages; {len(delays)} probes beside them took at most {max(delays):.3f} s to be pushed")
    assert max(delays) < DELAY_MAX_S
    reading.wait(lambda f: f.get("message", {}).get("seq") == str(FLOOD_MESSAGES) or "pull_now" in f, 30)
    seqs, pull = [], None
    while not pull:
        frame = read_frame(slow)
        if "message" in frame and frame["message"]["conversation_id"] == loud["id"]:
            seqs.append(int(frame["message"]["seq"]))
        pull = frame.get("pull_now")
    assert seqs == list(range(1, len(seqs) + 1)) and len(seqs) < FLOOD_MESSAGES
    assert pull["conversation_ids"] in ([], [loud["id"]])
    # and it goes on: the next message follows live
    slow.send(json.dumps({"id": "p", "ping": {}}))
    while read_frame(slow).get("reply_to") != "p":
        pass
    sent = alice.send(loud, "after the flood")
    while True:
        frame = read_frame(slow)
        if "message" in frame and frame["message"]["seq"] == sent["seq"]:
            break
    slow.close()


def resident_bytes(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


@pytest.fixture
def idle_sockets(system, company):
    opened = []
    people = company.people(*range(54, 64))

    def open_all(count):
        for number in range(count):
            opened.append((people[number % len(people)], open_plain(system, people[number % len(people)])))
            if number % 100 == 99:  # no more sign-ins at once than a morning's rush
                for _, connection in opened[number - 99:]:
                    assert "signed_in" in read_frame(connection)
        return people, opened

    yield open_all
    for _, connection in opened:
        connection.sock.close()


def test_idle_sockets(system, idle_sockets):
    pid = system.program_of("realtime").process.pid
    before = resident_bytes(pid)
    people, sockets = idle_sockets(IDLE_SOCKETS)
    each = (resident_bytes(pid) - before) / IDLE_SOCKETS
    print(f"{IDLE_SOCKETS} idle sockets take {each / 1024:.1f} KiB each")
    assert each < IDLE_SOCKET_SIZE_MAX_BYTES
    group = people[0].group("全部", *people[1:])
    for _, connection in sockets:
        assert read_frame(connection)["conversation_changed"]["conversation_id"] == group["id"]
    started = time.monotonic()
    sent = people[0].send(group, "everybody")
    for _, connection in sockets:
        assert read_frame(connection)["message"] == sent
    print(f"a message reached {IDLE_SOCKETS} sockets in {time.monotonic() - started:.2f} s")
    assert time.monotonic() - started < 10
