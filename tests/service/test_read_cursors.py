from concurrent.futures import ThreadPoolExecutor


def test_receipts_say_who_and_when(company, refused):
    alice, bob, carol = company.people(16, 18, 19)
    group = alice.group("已讀", bob, carol)
    for text in ("一", "二", "三"):
        alice.send(group, text)
    assert bob.conversation(group["id"])["unread_count"] == "3"
    cursor = bob.mark_read(group, 2)
    assert cursor["read_seq"] == "2" and cursor["user_id"] == bob.user_id
    first = bob.receipts(group, 1)
    assert [r["user_id"] for r in first["read"]] == [bob.user_id]
    assert first["read"][0]["read_time"] == cursor["read_time"]
    assert [r["user_id"] for r in first["unread"]] == [carol.user_id]
    third = alice.receipts(group, 3)
    assert third["read"] == [] and len(third["unread"]) == 2
    assert bob.conversation(group["id"])["unread_count"] == "1"

    later = bob.mark_read(group, 3)
    assert alice.receipts(group, 1)["read"][0]["read_time"] == cursor["read_time"]  # stays the time of the first step past it
    assert alice.receipts(group, 3)["read"][0]["read_time"] == later["read_time"]
    with refused("MESSAGE_NOT_FOUND", 404):
        alice.receipts(group, 4)


def test_cursor_only_grows(company, refused):
    alice, bob, stranger = company.people(16, 18, 20)
    group = alice.group("只增", bob)
    for text in ("一", "二"):
        alice.send(group, text)
    cursor = bob.mark_read(group, 2)
    assert bob.mark_read(group, 1) == cursor
    assert bob.mark_read(group, 2) == cursor
    with refused("READ_BEYOND_END", 400) as caught:
        bob.mark_read(group, 3)
    assert caught.value.metadata["last_seq"] == "2"
    with refused("CONVERSATION_NOT_FOUND", 404):
        stranger.mark_read(group, 1)
    with refused("FIELD_INVALID", 400):
        bob.mark_read(group, 0)


def test_newcomers_have_nothing_unread_and_stand_in_no_earlier_receipt(company):
    alice, bob, carol = company.people(16, 18, 19)
    group = alice.group("新人", bob)
    alice.send(group, "before")
    alice.post(f"/v1/conversations/{group['id']}/members",
               {"request_id": "01980000-0000-7000-8000-00000000abcd", "user_ids": [carol.user_id]})
    assert carol.conversation(group["id"])["unread_count"] == "0"
    assert carol.user_id not in [r["user_id"] for r in alice.receipts(group, 1)["unread"]]
    alice.send(group, "after")
    assert carol.conversation(group["id"])["unread_count"] == "1"
    assert carol.user_id in [r["user_id"] for r in alice.receipts(group, 2)["unread"]]


def test_marks_at_once_end_at_the_furthest(company):
    alice, bob = company.people(16, 18)
    group = alice.group("同時", bob)
    for number in range(10):
        alice.send(group, str(number))
    twins = [bob.twin() for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        cursors = list(pool.map(lambda n: twins[n].mark_read(group, n + 1), range(10)))
    assert all(int(cursor["read_seq"]) >= n + 1 for n, cursor in enumerate(cursors))
    assert bob.conversation(group["id"])["read_seq"] == "10"
