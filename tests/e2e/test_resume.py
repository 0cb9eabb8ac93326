"""Coming back after a lost connection: nothing missing, nothing twice."""
import threading
import uuid

import pytest

from tests.lib.client import JsonFrames, ProtoFrames, resume_from

RESUME_MESSAGES_MAX = 500


def send_many(person, conversation, count, threads=6):
    """Sends `count` messages, several at a time."""
    left = iter(range(count))
    lock, failures = threading.Lock(), []

    def work():
        own = person.twin()
        try:
            while True:
                with lock:
                    number = next(left, None)
                if number is None:
                    return
                own.send(conversation, f"message {number}", str(uuid.uuid4()))
        except Exception as failure:  # shown by the thread that waits
            failures.append(failure)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()

    def wait():
        for worker in workers:
            worker.join()
        assert failures == []

    return wait


@pytest.mark.parametrize("frames", [JsonFrames, ProtoFrames], ids=["json", "proto"])
def test_resume_has_no_gap_and_no_duplicate_while_messages_flow(company, open_socket, frames):
    alice, bob = company.people(42, 43)
    group = alice.group("續傳", bob)
    send_many(alice, group, 20)()
    socket = open_socket(bob, resume=[resume_from(group, 0)], frames=frames)
    socket.wait_message(group, 20)
    assert socket.pushed_seqs(group) == list(range(1, 21))
    socket.kill()
    send_many(alice, group, 120)()
    wait = send_many(alice, group, 80)  # these arrive while the socket resumes
    again = open_socket(bob, resume=[resume_from(group, 20)], frames=frames)
    wait()
    again.wait_message(group, 220)
    assert again.pushed_seqs(group) == list(range(21, 221))
    assert not any("pull_now" in frame for frame in again.frames)


def test_every_reconnect_goes_on_where_the_last_ended(company, open_socket):
    """Ten connections one after the other under load see each message once, in order."""
    alice, bob = company.people(42, 43)
    group = alice.group("重連", bob)
    wait, seen = send_many(alice, group, 300, threads=3), []
    for _ in range(10):
        last = seen[-1] if seen else 0
        socket = open_socket(bob, resume=[resume_from(group, last)])
        socket.wait_message(group, min(last + 20, 300))
        socket.kill()
        seen += socket.pushed_seqs(group)
    wait()
    socket = open_socket(bob, resume=[resume_from(group, seen[-1])])
    if seen[-1] < 300:
        socket.wait_message(group, 300)
    assert seen + socket.pushed_seqs(group) == list(range(1, 301))


def test_resume_of_many_conversations(company, open_socket):
    alice, bob = company.people(42, 43)
    groups = [alice.group(f"多 {number}", bob) for number in range(5)]
    for number, group in enumerate(groups):
        for text in range(number + 3):
            alice.send(group, str(text))
    socket = open_socket(bob, resume=[resume_from(group, 2) for group in groups])
    for number, group in enumerate(groups):
        socket.wait_message(group, number + 3)
        assert socket.pushed_seqs(group) == list(range(3, number + 4))


def test_more_than_a_resume_carries_is_to_be_pulled(company, open_socket):
    alice, bob = company.people(42, 43)
    small, large = alice.group("少", bob), alice.group("多", bob)
    send_many(alice, large, RESUME_MESSAGES_MAX + 60)()
    alice.send(small, "one")
    socket = open_socket(bob, resume=[resume_from(small, 0), resume_from(large, 0)])
    pull = socket.wait_push("pull_now")
    assert pull["conversation_ids"] == [large["id"]]
    assert socket.wait_message(small, 1)
    pushed = socket.pushed_seqs(large)
    assert pushed == list(range(1, len(pushed) + 1)) and len(pushed) <= RESUME_MESSAGES_MAX
    # what was left out is there for the asking, and live messages go on behind it
    missing = bob.messages(large, after_seq=RESUME_MESSAGES_MAX, page_size=200)
    assert [int(m["seq"]) for m in missing] == list(range(RESUME_MESSAGES_MAX + 1, RESUME_MESSAGES_MAX + 61))
    alice.send(large, "live")
    assert socket.wait_message(large, RESUME_MESSAGES_MAX + 61)


def test_cursors_that_mean_nothing(company, other_company, open_socket):
    alice, bob, carol, stranger = *company.people(42, 43, 44), other_company.person(42)
    foreign, ahead = carol.group("別人", alice), alice.group("之前", bob)
    alice.send(ahead, "one")
    carol.send(foreign, "secret")
    theirs = stranger.group("他司", other_company.person(43))
    stranger.send(theirs, "secret")
    nowhere = {"id": str(uuid.uuid4())}
    socket = open_socket(bob, resume=[resume_from(c, 0) for c in (foreign, theirs, nowhere)] + [resume_from(ahead, 50)])
    socket.ping()
    assert socket.pushed(foreign) == socket.pushed(theirs) == []
    alice.send(ahead, "two")
    assert socket.wait_push("pull_now")["conversation_ids"] == [ahead["id"]]  # a cursor from before a restored backup
    assert socket.wait_message(ahead, 2)
    assert socket.pushed_seqs(ahead) == [2]
    gone = {f["conversation_changed"]["conversation_id"] for f in socket.frames if f.get("conversation_changed", {}).get("removed")}
    assert gone == {foreign["id"], theirs["id"], nowhere["id"]}


def test_without_resume_a_socket_begins_with_what_comes(company, open_socket):
    alice, bob = company.people(42, 43)
    group = alice.group("現在", bob)
    alice.send(group, "before")
    socket = open_socket(bob)
    alice.send(group, "after")
    socket.wait_message(group, 2)
    assert socket.pushed_seqs(group) == [2]
