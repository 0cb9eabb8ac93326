"""Ends, wanted and not: a stop finishes what was begun, a kill loses nothing that was acknowledged."""
import time
import uuid

import pytest

from tests.lib.client import Api, ApiError, Socket, resume_from
from tests.lib.load import Sender, check_nothing_lost, wait_until

SENDERS = 4


def check_events_arrive(system, person, conversation, messages):
    """A socket that was away gets the end of the conversation by its cursor, and live messages go on."""
    socket = Socket(system.socket_url)
    try:
        socket.sign_in(person, [resume_from(conversation, len(messages) - 10)])
        live = person.send(conversation, "live again")
        socket.wait_message(conversation, int(live["seq"]), 30)
        assert socket.pushed_seqs(conversation) == list(range(len(messages) - 9, len(messages) + 2))
    finally:
        socket.close()


def test_kill_of_every_process_loses_nothing_acknowledged(fragile, fragile_people):
    alice, bob = fragile_people
    group = alice.group("中斷", bob)
    senders = [Sender(person, group) for person in (alice, bob) for _ in range(SENDERS // 2)]
    for _ in range(3):
        counts = [len(sender.acknowledged) for sender in senders]
        wait_until(lambda: all(len(s.acknowledged) > count + 5 for s, count in zip(senders, counts)))
        fragile.kill_all()
        fragile.start_again()
    counts = [len(sender.acknowledged) for sender in senders]
    wait_until(lambda: all(len(s.acknowledged) > count for s, count in zip(senders, counts)))
    messages = check_nothing_lost(bob, group, senders)
    check_events_arrive(fragile, bob, group, messages)


def test_read_cursors_and_sessions_survive_a_kill(fragile, fragile_people):
    alice, bob = fragile_people
    group = alice.group("游標", bob)
    alice.send(group, "one")
    cursor = bob.mark_read(group, 1)
    fragile.kill_all()
    fragile.start_again()
    assert bob.conversation(group["id"])["read_seq"] == "1"
    assert alice.receipts(group, 1)["read"][0]["read_time"] == cursor["read_time"]
    tokens = bob.post("/v1/sessions:refresh", {"refresh_token": bob.tokens["refresh_token"]})
    assert tokens["session_id"] == bob.tokens["session_id"]
    bob.tokens = tokens


def test_stop_finishes_what_was_begun(fragile, fragile_people):
    """SIGTERM under load: exit status 0, no request without an answer that was taken in, sockets are told."""
    alice, bob = fragile_people
    group = alice.group("停止", bob)
    senders = [Sender(alice, group) for _ in range(SENDERS)]
    sockets = [Socket(fragile.socket_url).sign_in(bob) for _ in range(5)]
    wait_until(lambda: all(len(s.acknowledged) > 5 for s in senders))
    for name in list(fragile.programs)[::-1]:
        assert fragile.programs[name].stop() == 0, name
    for socket in sockets:
        assert socket.wait_closed() == 1001
        going = [f["going"] for f in socket.frames if "going" in f]
        assert len(going) == 1 and 0 < going[0]["reconnect_delay_ms"] <= 10000
    fragile.start_again()
    counts = [len(sender.acknowledged) for sender in senders]
    wait_until(lambda: all(len(s.acknowledged) > count for s, count in zip(senders, counts)))
    messages = check_nothing_lost(bob, group, senders)
    check_events_arrive(fragile, bob, group, messages)


def test_each_program_stops_with_0_while_idle(fragile):
    for program in fragile.programs.values():
        started = time.monotonic()
        assert program.stop() == 0
        assert time.monotonic() - started < 10, program.name
    fragile.start_again()


@pytest.mark.only(mode="services")
def test_without_messaging_the_gateway_says_so_and_sockets_stay(fragile, fragile_people):
    alice, bob = fragile_people
    group = alice.group("離線", bob)
    socket = Socket(fragile.socket_url).sign_in(bob)
    fragile.program_of("messaging").kill()
    for path in (f"/v1/conversations/{group['id']}", "/v1/conversations"):
        answer = alice.request("GET", path)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 0
        assert answer.json()["error"]["details"][0]["reason"] == "UNAVAILABLE"
    with pytest.raises(ApiError) as refused:
        alice.send(group, "not now")
    assert (refused.value.http_status, refused.value.reason) == (503, "UNAVAILABLE")
    assert alice.get("/v1/me")["user"]["id"] == alice.user_id  # the others go on
    socket.ping()
    error = socket.answer(send_message={"conversation_id": group["id"], "request_id": str(uuid.uuid4()),
                                        "text": {"body": "x"}})["error"]
    assert error["reason"] == "UNAVAILABLE" and error["retriable"]
    fragile.start_again()
    assert alice.send(group, "back")["seq"] == "1"
    assert socket.wait_message(group, 1, 30)["text"]["body"] == "back"
    socket.close()


@pytest.mark.only(mode="services")
def test_without_identity_whoever_is_signed_in_goes_on(fragile, fragile_people, fragile_company):
    alice, bob = fragile_people
    group = alice.group("無身份", bob)
    alice.send(group, "before")
    fragile.program_of("identity").kill()
    assert alice.send(group, "meanwhile")["seq"] == "2"  # its keys are known already
    with pytest.raises(ApiError) as refused:
        Api(fragile.url).post("/v1/sessions", {"identifier": "x", "password": "y"})
    assert (refused.value.http_status, refused.value.reason) == (503, "UNAVAILABLE")
    fragile.start_again()
    assert fragile_company.fresh(3).get("/v1/me")


def test_without_postgres_everything_waits_and_comes_back(fragile, fragile_people):
    alice, bob = fragile_people
    group = alice.group("無庫", bob)
    sender = Sender(alice, group)
    wait_until(lambda: len(sender.acknowledged) > 5)
    folder = str(fragile.dir / "postgres")
    fragile.script("dev-postgres", "stop", folder)
    answer = bob.request("GET", "/v1/conversations")
    assert answer.status_code == 503 and "Retry-After" in answer.headers
    fragile.script("dev-postgres", "start", "--fast", folder, str(fragile.postgres["port"]))
    count = len(sender.acknowledged)
    wait_until(lambda: len(sender.acknowledged) > count + 5)
    fragile.wait_ready()
    messages = check_nothing_lost(bob, group, [sender])
    check_events_arrive(fragile, bob, group, messages)
