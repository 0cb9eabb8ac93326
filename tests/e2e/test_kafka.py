"""Events on Kafka, read by a consumer that nobody here wrote, with the published schemas."""
import base64
import re
import time
import uuid

import pytest

from tests.lib import kafka, schemas
from tests.lib.client import Socket, resume_from
from tests.lib.load import Sender, all_messages, check_nothing_lost, wait_until
from tests.lib.system import EXAMPLE

pytestmark = pytest.mark.only(events="kafka")

MESSAGES = "kongsi.messaging.message.v1"
USERS = "kongsi.identity.user.v1"
SHARDS = 32
EVENTS = {
    "kongsi.messaging.message.sent.v1": "kongsi.messaging.v1.MessageSent",
    "kongsi.messaging.conversation.created.v1": "kongsi.messaging.v1.ConversationCreated",
    "kongsi.messaging.conversation.updated.v1": "kongsi.messaging.v1.ConversationUpdated",
    "kongsi.messaging.conversation.members_added.v1": "kongsi.messaging.v1.MembersAdded",
    "kongsi.messaging.conversation.member_removed.v1": "kongsi.messaging.v1.MemberRemoved",
    "kongsi.messaging.read_cursor.advanced.v1": "kongsi.messaging.v1.ReadCursorAdvanced",
    "kongsi.identity.user.created.v1": "kongsi.identity.v1.UserCreated",
    "kongsi.identity.user.updated.v1": "kongsi.identity.v1.UserUpdated",
    "kongsi.identity.department.created.v1": "kongsi.identity.v1.DepartmentCreated",
    "kongsi.identity.department.updated.v1": "kongsi.identity.v1.DepartmentUpdated",
    "kongsi.identity.session.ended.v1": "kongsi.identity.v1.SessionEnded",
}


def shard_of(aggregate_id):
    """FNV-1a, 64 bits, of the id's 16 bytes."""
    value = 0xcbf29ce484222325
    for byte in uuid.UUID(aggregate_id).bytes:
        value = (value ^ byte) * 0x100000001b3 % 2 ** 64
    return value % SHARDS


def missing_pushes(socket, conversation):
    """The gaps in what a socket was sent that it was not told to pull."""
    gaps, last, told = [], 0, False
    for frame in socket.frames:
        if "pull_now" in frame:
            ids = frame["pull_now"].get("conversation_ids", [])  # none: all
            told = told or not ids or conversation["id"] in ids
        if frame.get("message", {}).get("conversation_id") == conversation["id"]:
            seq = int(frame["message"]["seq"])
            assert seq > last
            gaps += [(last, seq)] if seq > last + 1 and not told else []
            last, told = seq, False
    return gaps


def of_conversation(system, conversation):
    return [r for r in kafka.consume(system, MESSAGES, "-p", str(shard_of(conversation["id"]))) if r.key == conversation["id"]]


def wait_records(system, conversation, count):
    wait_until(lambda: len(of_conversation(system, conversation)) >= count)
    return of_conversation(system, conversation)


def test_kcat_reads_messages_with_cloudevents_headers(system, company):
    alice, bob = company.people(70, 71)
    group, trace_id = alice.group("卡夫卡", bob), uuid.uuid4().hex
    sent = [alice.call("POST", f"/v1/conversations/{group['id']}/messages", {"text": {"body": f"第 {number} 條"}},
                       headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}) for number in range(5)]
    records = wait_records(system, group, 5)
    assert len(records) == 5
    for record, message in zip(records, sent):
        headers = record.headers
        assert record.partition == shard_of(group["id"])
        assert headers["ce_specversion"] == "1.0" and headers["content-type"] == "application/protobuf"
        assert headers["ce_type"] == "kongsi.messaging.message.sent.v1" and headers["ce_source"] == "/kongsi/messaging"
        assert headers["ce_subject"] == record.key == group["id"]
        assert uuid.UUID(headers["ce_id"]).version == 7
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", headers["ce_time"])
        assert headers["ce_shard"] == str(record.partition) and int(headers["ce_position"]) >= 1
        assert headers["traceparent"].split("-")[1] == trace_id
        event = schemas.decode("kongsi.messaging.v1.MessageSent", record.value)
        assert event["message"] == message
        assert event["org_id"] == alice.get("/v1/me")["organization"]["id"] == headers["ce_orgid"]
    assert len({record.headers["ce_id"] for record in records}) == 5


def test_every_topic_has_its_shards_as_partitions_without_gaps(system, company):
    alice, bob = company.people(70, 71)
    group = alice.group("各項", bob)
    alice.send(group, "so that every topic has something")
    bob.mark_read(group, 1)
    company.fresh(72).post("/v1/sessions:signOut")
    wait_until(lambda: kafka.consume(system, "kongsi.identity.session.v1") and kafka.consume(system, "kongsi.messaging.read_cursor.v1"))
    counts = kafka.topics(system)
    for topic in {event.rsplit(".", 2)[0] + ".v1" for event in EVENTS}:
        assert counts[topic] == SHARDS, topic
        positions = {}
        for record in kafka.consume(system, topic):
            headers = record.headers
            assert record.partition == shard_of(record.key) == int(headers["ce_shard"])
            assert schemas.decode(EVENTS[headers["ce_type"]], record.value)["org_id"] == headers["ce_orgid"]
            last = positions.get(record.partition, 0)
            assert int(headers["ce_position"]) <= last + 1, f"{topic}: a gap after {last} of partition {record.partition}"
            positions[record.partition] = max(last, int(headers["ce_position"]))
        assert positions, topic


def test_unreadable_records_are_parked_and_the_partition_goes_on(fragile, fragile_company):
    system, admin, leaving = fragile, fragile_company.person(1), fragile_company.person(76)
    fragile.broken_reasons.add("BODY_INVALID")  # the log says it, and this test did it
    partition = shard_of(leaving.user_id)
    group = admin.group("離職", leaving)
    kafka.produce(system, USERS, partition, b"\xff\xffpoison", key=leaving.user_id, headers=["who=kcat"])
    lines = (EXAMPLE / "staff.csv").read_text(encoding="utf-8-sig").splitlines()
    row = next(line for line in lines if line.startswith("HR00076,"))
    staff = f"{lines[0]}\n{row.rsplit(',', 1)[0]},Terminated\n"
    report = admin.post("/v1/directory:import", {"staff_csv": base64.b64encode(staff.encode()).decode()})
    assert report["applied"] and report["users_updated"] == 1
    members = f"/v1/conversations/{group['id']}/members"
    wait_until(lambda: len(admin.get(members)["members"]) == 1)  # the event behind the poison took effect

    def parked():
        return system.query("messaging", "SELECT consumer, shard, position, reason, payload FROM dead_letters WHERE topic = %s", USERS)

    wait_until(lambda: any(bytes(row[4]) == b"\xff\xffpoison" for row in parked()))
    (row,) = [row for row in parked() if bytes(row[4]) == b"\xff\xffpoison"]
    assert row[:2] == ("messaging.identity_users", partition) and row[2] < 0 and row[3] == "BODY_INVALID"
    wait_until(lambda: f"{USERS}.dlq" in kafka.topics(system))
    wait_until(lambda: kafka.consume(system, f"{USERS}.dlq"))
    (copy,) = [r for r in kafka.consume(system, f"{USERS}.dlq") if r.value == b"\xff\xffpoison"]
    assert copy.headers["who"] == "kcat" and copy.headers["kongsi_consumer"] == "messaging.identity_users"
    assert copy.headers["kongsi_partition"] == str(partition) and copy.headers["kongsi_error_reason"] == "BODY_INVALID"
    metrics = system.metrics("messaging")
    assert any("dead_letter" in name and value >= 1 for name, value in metrics.items()), sorted(metrics)


def test_broker_killed_while_messages_flow(fragile, fragile_people):
    """REST never notices; everything arrives once the broker is back, in order, and sockets go on."""
    alice, bob = fragile_people
    group = alice.group("代理中斷", bob)
    socket = Socket(fragile.socket_url).sign_in(bob, [resume_from(group, 0)])
    senders = [Sender(person, group) for person in (alice, bob)]
    wait_until(lambda: all(len(s.acknowledged) > 20 for s in senders))
    socket.wait_message(group, 20, 30)
    fragile.broker.kill()
    counts, killed = [len(s.acknowledged) for s in senders], time.monotonic()
    wait_until(lambda: all(len(s.acknowledged) > count + 20 for s, count in zip(senders, counts)))
    print(f"{sum(len(s.acknowledged) for s in senders) - sum(counts)} messages in {time.monotonic() - killed:.1f} s without a broker")
    fragile.broker.start()
    counts = [len(s.acknowledged) for s in senders]
    wait_until(lambda: all(len(s.acknowledged) > count + 20 for s, count in zip(senders, counts)))
    messages = check_nothing_lost(bob, group, senders)
    assert all(not s.refusals for s in senders)
    socket.wait_message(group, len(messages), 60)
    assert missing_pushes(socket, group) == []
    socket.close()
    wait_until(lambda: len({r.headers["ce_id"] for r in of_conversation(fragile, group)}) >= len(messages), 60)
    first_of = {}
    for record in of_conversation(fragile, group):
        seq = schemas.decode("kongsi.messaging.v1.MessageSent", record.value)["message"]["seq"]
        first_of.setdefault(int(seq), record)
    assert list(first_of) == list(range(1, len(messages) + 1))  # first appearances are in order; a repeat is allowed


def test_broker_and_programs_killed_together(fragile, fragile_people):
    alice, bob = fragile_people
    group = alice.group("全部中斷", bob)
    senders = [Sender(person, group) for person in (alice, bob)]
    wait_until(lambda: all(len(s.acknowledged) > 20 for s in senders))
    fragile.broker.kill()
    fragile.kill_all()
    fragile.broker.start()
    fragile.start_again()
    counts = [len(s.acknowledged) for s in senders]
    wait_until(lambda: all(len(s.acknowledged) > count for s, count in zip(senders, counts)))
    messages = check_nothing_lost(bob, group, senders)
    wait_until(lambda: len({r.headers["ce_id"] for r in of_conversation(fragile, group)}) >= len(messages), 60)
    assert len(all_messages(bob, group)) == len(messages)
