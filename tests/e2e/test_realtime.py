"""The socket: what members see live, what commands answer, and how a socket ends."""
import json
import struct
import time
import uuid

import pytest
import websocket

from tests.lib.client import JsonFrames, ProtoFrames, Socket

BOTH = pytest.mark.parametrize("frames", [JsonFrames, ProtoFrames], ids=["json", "proto"])
NOT_SIGNED_IN, SESSION_ENDED = 4401, 4403
SIGN_OUT_TIMEOUT_S = 2
COMMANDS_MAX = 32
FRAME_SIZE_MAX_BYTES = 128 * 1024


def send_command(conversation, text, request_id=None):
    return {"send_message": {"conversation_id": conversation["id"], "request_id": request_id or str(uuid.uuid4()),
                             "text": {"body": text}}}


@pytest.fixture(scope="module", autouse=True)
def silent_socket(system):
    """Never signs in; the last test of this file sees how it ends, so that nobody has to wait for it alone."""
    started = time.monotonic()
    socket = Socket(system.socket_url)
    yield socket, started
    socket.close()


# signing in


@BOTH
def test_sign_in_and_ping(company, open_socket, frames):
    alice = company.person(30)
    socket = open_socket(frames=frames)
    answer = socket.answer(sign_in={"access_token": alice.tokens["access_token"]})["signed_in"]
    assert answer["user_id"] == alice.user_id
    assert answer["session_id"] == alice.tokens["session_id"]
    assert answer["token_expire_time"][:19] == alice.tokens["access_expire_time"][:19]
    assert answer["ping_interval_seconds"] > 0
    assert socket.answer(ping={})["pong"]["server_time"].endswith("Z")


@BOTH
def test_wrong_tokens_end_the_socket(company, open_socket, frames):
    token = company.person(30).tokens["access_token"]
    for wrong in ("x", token[:-6] + "AAAAAA", token.rsplit(".", 1)[0] + "."):
        socket = open_socket(frames=frames)
        socket.send(sign_in={"access_token": wrong})
        assert socket.wait_closed() == NOT_SIGNED_IN


def test_first_frame_must_be_sign_in(company, open_socket):
    alice, bob = company.people(30, 31)
    conversation = alice.direct(bob)
    for command in ({"ping": {}}, send_command(conversation, "x"), {"renew_token": {"access_token": alice.tokens["access_token"]}}):
        socket = open_socket()
        frame_id = socket.send(**command)
        assert socket.wait_closed() == NOT_SIGNED_IN
        refusals = [f["error"]["reason"] for f in socket.frames if f.get("reply_to") == frame_id]
        assert refusals in (["NOT_SIGNED_IN"], [])


def test_a_second_sign_in_is_refused(company, open_socket):
    alice = company.person(30)
    socket = open_socket(alice)
    error = socket.answer(sign_in={"access_token": alice.tokens["access_token"]})["error"]
    assert error["reason"] == "ALREADY_SIGNED_IN" and error["domain"] == "realtime.kongsi"
    socket.ping()


def test_subprotocols(system):
    for offered in (None, ["kongsi.v2+json"], ["chat"]):
        with pytest.raises(websocket.WebSocketException):
            socket = websocket.create_connection(system.socket_url, subprotocols=offered, timeout=5, suppress_origin=True)
            assert not socket.getsubprotocol()
            socket.send("{}")
            assert socket.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
            raise websocket.WebSocketException("opened and closed at once")


def test_origins(system, company, open_socket):
    open_socket(company.person(30), origin=system.url)  # the page's own
    for origin in ("https://evil.example", "null", system.url + "0", "http://127.0.0.1"):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            open_socket(origin=origin)
        assert refused.value.status_code == 403
    with pytest.raises(websocket.WebSocketBadStatusException):
        open_socket(url=system.socket_url + "/other")


# what is pushed


@BOTH
def test_message_reaches_members_and_only_members(company, other_company, open_socket, frames):
    alice, bob, carol, dave, stranger = *company.people(30, 31, 32, 33), other_company.person(30)
    group = alice.group("推送", bob, carol)
    sockets = {person: open_socket(person, frames=frames) for person in (alice, bob, carol)}
    outside = [open_socket(person, frames=frames) for person in (dave, stranger)]
    second = open_socket(alice, frames=frames)
    sent = alice.send(group, "早晨 👋")
    for socket in [*sockets.values(), second]:
        assert socket.wait_message(group, 1) == sent
    for person, socket in zip((dave, stranger), outside):
        # what came after on the same path is here, so the message would be as well
        own = person.group("標記", *((bob,) if person is dave else (other_company.person(31),)))
        person.send(own, "marker")
        socket.wait_message(own, 1)
        assert socket.pushed(group) == []


def test_messages_come_in_order_without_gap(company, open_socket):
    alice, bob, carol = company.people(30, 31, 32)
    group = alice.group("次序", bob, carol)
    sockets = [open_socket(person) for person in (alice, bob, carol)]
    for number in range(1, 61):
        (alice, bob, carol)[number % 3].send(group, str(number))
    for socket in sockets:
        socket.wait_message(group, 60)
        assert socket.pushed_seqs(group) == list(range(1, 61))


@BOTH
def test_read_cursors_are_pushed(company, open_socket, frames):
    alice, bob, carol = company.people(30, 31, 32)
    group = alice.group("已讀推送", bob, carol)
    sockets = [open_socket(person, frames=frames) for person in (alice, bob, carol)]
    alice.send(group, "one")
    alice.send(group, "two")
    cursor = bob.mark_read(group, 2)
    for socket in sockets:
        assert socket.wait_push("read_cursor", conversation_id=group["id"], user_id=bob.user_id) == cursor
    bob.mark_read(group, 1)  # a step back says nothing
    carol.mark_read(group, 1)
    for socket in sockets:
        socket.wait_push("read_cursor", user_id=carol.user_id, conversation_id=group["id"])
        cursors = [f["read_cursor"]["read_seq"] for f in socket.frames
                   if f.get("read_cursor", {}).get("conversation_id") == group["id"]]
        assert cursors == ["2", "1"]


def changes(socket, conversation):
    return [bool(f["conversation_changed"].get("removed")) for f in socket.frames
            if f.get("conversation_changed", {}).get("conversation_id") == conversation["id"]]


def test_changes_of_conversations_are_pushed(company, open_socket):
    owner, bob, carol, dave = company.people(34, 35, 36, 37)
    sockets = {person: open_socket(person) for person in (owner, bob, carol, dave)}
    group = owner.group("變更", bob)
    path = f"/v1/conversations/{group['id']}"

    def wait_changes(person, count):
        sockets[person].wait(lambda _: len(changes(sockets[person], group)) >= count)

    wait_changes(owner, 1)
    wait_changes(bob, 1)
    owner.send(group, "before carol")
    owner.post(f"{path}/members", {"user_ids": [carol.user_id]})
    wait_changes(carol, 1)
    wait_changes(bob, 2)
    owner.send(group, "after carol")
    assert sockets[carol].wait_message(group, 2)["text"]["body"] == "after carol"
    assert sockets[carol].pushed_seqs(group) == [2]
    owner.call("PATCH", path, {"name": "新名"})
    for person, count in ((owner, 3), (bob, 3), (carol, 2)):
        wait_changes(person, count)
    owner.call("DELETE", f"{path}/members/{carol.user_id}")
    assert sockets[carol].wait_push("conversation_changed", conversation_id=group["id"], removed=True)
    wait_changes(bob, 4)
    owner.send(group, "after carol left")
    sockets[bob].wait_message(group, 3)
    marker = carol.group("標記", dave)
    carol.send(marker, "marker")
    sockets[carol].wait_message(marker, 1)
    assert sockets[carol].pushed_seqs(group) == [2]
    assert changes(sockets[dave], group) == []


def test_somebody_who_comes_back_gets_what_is_new_then(company, open_socket):
    owner, bob = company.people(34, 35)
    group = owner.group("回來", bob)
    path, socket = f"/v1/conversations/{group['id']}", open_socket(bob)
    owner.send(group, "1")
    socket.wait_message(group, 1)
    owner.call("DELETE", f"{path}/members/{bob.user_id}")
    socket.wait_push("conversation_changed", conversation_id=group["id"], removed=True)
    owner.send(group, "2")
    owner.post(f"{path}/members", {"user_ids": [bob.user_id]})
    socket.wait(lambda _: changes(socket, group)[-1:] == [False])
    owner.send(group, "3")
    socket.wait_message(group, 3)
    assert socket.pushed_seqs(group) == [1, 3]


# commands


@BOTH
def test_send_message_is_acknowledged(company, open_socket, frames, refused):
    alice, bob = company.people(30, 31)
    group, request_id = alice.group("命令", bob), str(uuid.uuid4())
    mine, theirs = open_socket(alice, frames=frames), open_socket(bob, frames=frames)
    sent = mine.answer(**send_command(group, "by socket", request_id))["message_sent"]
    assert sent["request_id"] == request_id and sent["seq"] == "1" and sent["sender_id"] == alice.user_id
    assert theirs.wait_message(group, 1) == sent == mine.wait_message(group, 1)
    # the same request again, on the socket and over REST, is the same message
    assert mine.answer(**send_command(group, "by socket", request_id))["message_sent"] == sent
    assert alice.send(group, "by socket", request_id) == sent
    with refused("REQUEST_ID_REUSED", 409):
        alice.send(group, "other text", request_id)
    assert mine.answer(**send_command(group, "other text", request_id))["error"]["reason"] == "REQUEST_ID_REUSED"
    assert bob.texts(group) == ["by socket"]


@BOTH
def test_mark_read_is_acknowledged(company, open_socket, frames):
    alice, bob = company.people(30, 31)
    group = alice.group("命令已讀", bob)
    alice.send(group, "one")
    watching, reading = open_socket(alice, frames=frames), open_socket(bob, frames=frames)
    marked = reading.answer(mark_read={"conversation_id": group["id"], "seq": "1"})["read_marked"]
    assert marked["user_id"] == bob.user_id and marked["read_seq"] == "1"
    assert watching.wait_push("read_cursor", conversation_id=group["id"]) == marked
    assert alice.receipts(group, 1)["read"][0]["read_time"] == marked["read_time"]


def test_errors_of_commands(company, open_socket):
    alice, bob, stranger = company.people(30, 31, 33)
    group = alice.group("錯誤", bob)
    socket = open_socket(stranger)
    error = socket.answer(**send_command(group, "x"))["error"]
    assert (error["code"], error["status"], error["reason"], error["domain"]) == \
        (5, "NOT_FOUND", "CONVERSATION_NOT_FOUND", "messaging.kongsi")
    assert error["message"] and not error.get("retriable")
    assert socket.answer(mark_read={"conversation_id": group["id"], "seq": "1"})["error"]["reason"] == "CONVERSATION_NOT_FOUND"
    socket = open_socket(alice)
    error = socket.answer(**send_command(group, "字" * 20001))["error"]
    assert error["reason"] == "FIELD_INVALID" and error["metadata"]["limit"] == "20000"
    assert socket.answer(**send_command(group, "\n"))["error"]["reason"] == "CONTENT_MISSING"
    assert socket.answer(**send_command(group, "x", "not a uuid"))["error"]["reason"] == "FIELD_INVALID"
    error = socket.answer(mark_read={"conversation_id": group["id"], "seq": "5"})["error"]
    assert error["reason"] == "READ_BEYOND_END" and error["metadata"]["last_seq"] == "0"
    socket.ping()


def test_invalid_frames_are_answered_and_the_socket_goes_on(company, open_socket):
    socket = open_socket(company.person(30))

    def refusals():
        return [f["error"]["reason"] for f in socket.frames if "error" in f]

    for count, (data, reason) in enumerate([
            ("{", "FRAME_INVALID"), ("[]", "FRAME_INVALID"), ('{"id":"a","id":"b","ping":{}}', "FRAME_INVALID"),
            ('{"id":"a","dance":{}}', "FIELD_UNKNOWN"), ('{"id":"a","ping":{"x":1}}', "FIELD_UNKNOWN"),
            ('{"id":"a"}', None), ('{"id":"' + "a" * 65 + '","ping":{}}', "FIELD_INVALID"),
            ('{"id":"\\u0000","ping":{}}', None), ('{"ping":{},"mark_read":{}}', None)], 1):
        socket.send_raw(data.encode())
        socket.wait(lambda _, count=count: len(refusals()) >= count)
        assert refusals()[-1] == reason or reason is None and refusals()[-1] in ("FRAME_INVALID", "FIELD_INVALID"), data
    socket.ping()


def test_invalid_protobuf_is_answered(company, open_socket):
    socket = open_socket(company.person(30), frames=ProtoFrames)
    for count, data in enumerate([b"\xff\xff\xff", b"\x0a\xff", b"\x0a\x02\xff\xfe\x32\x00", b"\x0a\x01\x00\x32\x00", b"\x1a\x05"], 1):
        socket.send_raw(data)
        socket.wait(lambda _, count=count: sum("error" in f for f in socket.frames) >= count)
    assert {f["error"]["reason"] for f in socket.frames if "error" in f} <= {"FRAME_INVALID", "FIELD_INVALID"}
    socket.ping()


@BOTH
def test_wrong_kind_of_frame_ends_the_socket(company, open_socket, frames):
    socket = open_socket(company.person(30), frames=frames)
    other = ProtoFrames if frames is JsonFrames else JsonFrames
    socket.send_raw(b"{}", other.opcode)
    socket.wait(lambda f: f.get("error", {}).get("reason") == "FRAME_INVALID") if socket.closed is None else None
    assert socket.wait_closed() in (1003, 1007, 1008)


def test_text_that_is_not_utf8_ends_the_socket(company, open_socket):
    socket = open_socket(company.person(30))
    socket.send_raw(b'{"id":"\xff\xfe","ping":{}}', websocket.ABNF.OPCODE_TEXT)
    assert socket.wait_closed() in (1007, 1006)  # RFC 6455, section 8.1; the library may end the connection without a word


@BOTH
def test_too_large_frames_end_the_socket(company, open_socket, frames):
    alice, bob = company.people(30, 31)
    socket = open_socket(alice, frames=frames)
    socket.send_raw(b"x" * (FRAME_SIZE_MAX_BYTES + 1))
    assert socket.wait_closed() == 1009
    # in fragments that are small each
    socket = open_socket(alice, frames=frames)
    masked = struct.pack("!BBH4s", socket.codec.opcode, 0x80 | 126, 32768, b"\0\0\0\0") + b"x" * 32768
    more = bytes([0]) + masked[1:]
    try:
        socket.ws.sock.sendall(masked + more * 5)
    except OSError:
        pass
    assert socket.wait_closed() in (1009, 1006)
    alice.direct(bob)


def test_too_many_commands_are_refused_and_the_others_answered(company, open_socket):
    alice, bob = company.people(30, 31)
    group, socket = alice.group("太多", bob), open_socket(alice)
    ids = [socket.send(**send_command(group, f"{number}")) for number in range(COMMANDS_MAX * 4)]
    answers = [socket.wait_answer(frame_id) for frame_id in ids]
    reasons = {a["error"]["reason"] for a in answers if "error" in a}
    done = [a["message_sent"] for a in answers if "message_sent" in a]
    assert reasons <= {"TOO_MANY_COMMANDS"}
    assert len(done) >= COMMANDS_MAX
    assert sorted(int(m["seq"]) for m in done) == list(range(1, len(done) + 1))
    assert alice.conversation(group["id"])["last_seq"] == str(len(done))


# tokens and sessions


@BOTH
def test_renew_token(company, open_socket, frames):
    alice = company.fresh(38)
    socket = open_socket(alice, frames=frames)
    refreshed = alice.post("/v1/sessions:refresh", {"refresh_token": alice.tokens["refresh_token"]})
    renewed = socket.answer(renew_token={"access_token": refreshed["access_token"]})["token_renewed"]
    assert renewed["token_expire_time"][:19] == refreshed["access_expire_time"][:19]
    other_session, other_person = company.fresh(38), company.person(30)
    for other in (other_session, other_person):
        error = socket.answer(renew_token={"access_token": other.tokens["access_token"]})["error"]
        assert error["reason"] == "USER_CHANGED" and error["code"] == 7
    assert socket.answer(renew_token={"access_token": "x"})["error"]["reason"] == "TOKEN_INVALID"
    socket.ping()


def test_sign_out_closes_the_sockets_of_the_session(company, open_socket, refused):
    leaving, staying = company.fresh(38), company.fresh(38)
    sockets, other = [open_socket(leaving), open_socket(leaving, frames=ProtoFrames)], open_socket(staying)
    leaving.post("/v1/sessions:signOut")
    started = time.monotonic()
    for socket in sockets:
        assert socket.wait_closed(SIGN_OUT_TIMEOUT_S) == SESSION_ENDED
    assert time.monotonic() - started < SIGN_OUT_TIMEOUT_S
    other.ping()
    socket = open_socket()
    socket.send(sign_in={"access_token": leaving.tokens["access_token"]})
    assert socket.wait_closed() in (NOT_SIGNED_IN, SESSION_ENDED)


# ends


def test_a_lost_connection_is_noticed_by_nobody_else(company, open_socket):
    alice, bob = company.people(30, 31)
    group = alice.group("斷線", bob)
    lost, other = open_socket(bob), open_socket(bob)
    lost.kill()
    alice.send(group, "x")
    assert other.wait_message(group, 1)


def test_plain_http_on_the_socket_port(system):
    import requests
    base = f"http://127.0.0.1:{system.ports['realtime']}"
    assert requests.get(f"{base}/v1/realtime").status_code in (400, 404, 405, 426)
    assert requests.get(f"{base}/nothing").status_code in (400, 404)
    assert requests.get(f"{base}/readyz").status_code == 200


def test_without_sign_in_a_socket_ends_after_ten_seconds(silent_socket):
    socket, started = silent_socket
    assert socket.wait_closed(15) == NOT_SIGNED_IN
    assert 9 <= time.monotonic() - started
    assert json.dumps(socket.frames).count("NOT_SIGNED_IN") <= 1
