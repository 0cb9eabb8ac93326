import uuid


def new(person, **fields):
    return person.post("/v1/conversations", {"request_id": str(uuid.uuid4()), **fields})


def test_direct_conversation_is_one_for_both(company):
    alice, bob = company.people(4, 5)
    conversation = alice.direct(bob)
    assert conversation["kind"] == "CONVERSATION_KIND_DIRECT"
    assert conversation["peer_id"] == bob.user_id
    assert bob.direct(alice)["id"] == conversation["id"]
    assert bob.conversation(conversation["id"])["peer_id"] == alice.user_id
    assert alice.conversation(conversation["id"])["member_count"] == 2


def test_create_repeat_and_reuse(company, refused):
    alice, bob = company.people(4, 5)
    request = {"request_id": str(uuid.uuid4()), "kind": "CONVERSATION_KIND_GROUP", "name": "重覆", "member_ids": [bob.user_id]}
    first = alice.post("/v1/conversations", request)
    alice.send(first, "after the first answer")
    assert alice.post("/v1/conversations", request) == first
    with refused("REQUEST_ID_REUSED", 409):
        alice.post("/v1/conversations", {**request, "name": "another"})


def test_refusals_of_create(company, other_company, refused):
    alice, bob, carol = company.people(4, 5, 6)
    stranger = other_company.person(1)
    with refused("MEMBERS_INVALID", 400):
        new(alice, kind="CONVERSATION_KIND_DIRECT", member_ids=[bob.user_id, carol.user_id])
    with refused("MEMBERS_INVALID", 400):
        new(alice, kind="CONVERSATION_KIND_GROUP", name="alone", member_ids=[alice.user_id])
    with refused("NAME_MISSING", 400):
        new(alice, kind="CONVERSATION_KIND_GROUP", name=" ", member_ids=[bob.user_id])
    with refused("USER_NOT_FOUND", 400) as caught:
        new(alice, kind="CONVERSATION_KIND_DIRECT", member_ids=[stranger.user_id])
    assert caught.value.domain == "messaging.kongsi"
    assert caught.value.metadata["user_id"] == stranger.user_id
    with refused("FIELD_INVALID", 400):
        new(alice, kind="CONVERSATION_KIND_UNSPECIFIED", member_ids=[bob.user_id])
    with refused("FIELD_INVALID", 400):
        new(alice, kind="CONVERSATION_KIND_DIRECT", member_ids=["not-a-uuid"])
    with refused("FIELD_UNKNOWN", 400):
        new(alice, kind="CONVERSATION_KIND_DIRECT", member_ids=[bob.user_id], colour="red")


def test_somebody_who_has_left_cannot_be_written_to(company, refused):
    alice = company.person(1)
    left = alice.get("/v1/users", query="HR00041", show_left="true")["users"][0]
    assert left["status"] == "USER_STATUS_LEFT"
    with refused("USER_NOT_FOUND", 400):
        new(alice, kind="CONVERSATION_KIND_DIRECT", member_ids=[left["id"]])


def test_list_is_in_order_of_activity_with_last_message_and_unread(company):
    alice, bob = company.people(7, 8)
    first, second, third = (alice.group(name, bob) for name in ("一", "二", "三"))
    alice.send(second, "newest")
    alice.send(first, "newer still")
    alice.send(first, "newest of all")
    page = bob.get("/v1/conversations", page_size=3)
    assert [c["id"] for c in page["conversations"]] == [first["id"], second["id"], third["id"]]
    assert [c["unread_count"] for c in page["conversations"]] == ["2", "1", "0"]
    assert page["conversations"][0]["last_message"]["text"]["body"] == "newest of all"
    assert "last_message" not in page["conversations"][2]
    mine = alice.get("/v1/conversations", page_size=3)["conversations"]
    assert [c["unread_count"] for c in mine] == ["0", "0", "0"]  # one's own messages are not unread


def test_list_pages_by_token(company, refused):
    alice, bob, carol = company.people(9, 10, 11)
    made = [alice.group(f"頁 {n}", bob)["id"] for n in range(5)]
    seen, token = [], ""
    while True:
        page = alice.get("/v1/conversations", page_size=2, page_token=token)
        seen += [c["id"] for c in page["conversations"]]
        token = page["next_page_token"]
        if not token:
            break
    assert len(seen) == len(set(seen))
    assert [c for c in seen if c in made] == made[::-1]
    token = alice.get("/v1/conversations", page_size=2)["next_page_token"]
    with refused("PAGE_TOKEN_INVALID", 400):
        carol.get("/v1/conversations", page_token=token)  # somebody else's
    with refused("PAGE_TOKEN_INVALID", 400):
        alice.get("/v1/conversations", page_token=token[:-2] + "xx")


def test_members_and_who_may_change_them(company, refused):
    owner, bob, carol, dave = company.people(12, 13, 14, 15)
    group = owner.group("成員", bob)
    path = f"/v1/conversations/{group['id']}"

    def add(person, *people, request_id=None):
        return person.post(f"{path}/members", {"request_id": request_id or str(uuid.uuid4()),
                                               "user_ids": [p.user_id for p in people]})

    with refused("NOT_AN_ADMINISTRATOR", 403):
        add(bob, carol)
    request_id = str(uuid.uuid4())
    assert add(owner, carol, bob, request_id=request_id) == {"added_count": 1, "member_count": 3}
    assert add(owner, carol, bob, request_id=request_id) == {"added_count": 1, "member_count": 3}
    members = {m["user_id"]: m["role"] for m in bob.get(f"{path}/members")["members"]}
    assert members == {owner.user_id: "MEMBER_ROLE_OWNER", bob.user_id: "MEMBER_ROLE_MEMBER",
                       carol.user_id: "MEMBER_ROLE_MEMBER"}
    with refused("NOT_AN_ADMINISTRATOR", 403):
        bob.call("DELETE", f"{path}/members/{carol.user_id}")
    with refused("MEMBER_NOT_FOUND", 404):
        owner.call("DELETE", f"{path}/members/{dave.user_id}")
    with refused("OWNER_CANNOT_LEAVE", 400):
        owner.call("DELETE", f"{path}/members/{owner.user_id}")
    owner.call("DELETE", f"{path}/members/{carol.user_id}")
    with refused("CONVERSATION_NOT_FOUND", 404):
        carol.conversation(group["id"])
    bob.call("DELETE", f"{path}/members/{bob.user_id}")
    assert owner.conversation(group["id"])["member_count"] == 1


def test_members_page_by_token(company):
    owner, *others = company.people(12, 13, 14, 15)
    group = owner.group("分頁", *others)
    first = owner.get(f"/v1/conversations/{group['id']}/members", page_size=3)
    rest = owner.get(f"/v1/conversations/{group['id']}/members", page_size=3, page_token=first["next_page_token"])
    ids = [m["user_id"] for m in first["members"] + rest["members"]]
    assert ids == sorted(ids) and len(set(ids)) == 4


def test_rename(company, refused):
    owner, bob = company.people(12, 13)
    group, direct = owner.group("舊名", bob), owner.direct(bob)

    def rename(person, conversation, name):
        return person.call("PATCH", f"/v1/conversations/{conversation['id']}", {"request_id": str(uuid.uuid4()), "name": name})

    assert rename(owner, group, "新名")["name"] == "新名"
    assert bob.conversation(group["id"])["name"] == "新名"
    with refused("NOT_AN_ADMINISTRATOR", 403):
        rename(bob, group, "x")
    with refused("DIRECT_CONVERSATION_FIXED", 400):
        rename(owner, direct, "x")
    with refused("NAME_MISSING", 400):
        rename(owner, group, "　")


def test_member_limit(company, refused):
    owner = company.person(1)
    users, token = [], ""
    while True:
        page = owner.get("/v1/users", page_size=1000, page_token=token)
        users += [u["id"] for u in page["users"]]
        token = page["next_page_token"]
        if not token:
            break
    group = new(owner, kind="CONVERSATION_KIND_GROUP", name="全公司", member_ids=users)
    assert group["member_count"] == len(users)
    with refused("FIELD_INVALID", 400):  # 501 at once
        new(owner, kind="CONVERSATION_KIND_GROUP", name="全公司", member_ids=[str(uuid.uuid4()) for _ in range(501)])


def test_adding_nobody_but_oneself_adds_nobody(company):
    owner, bob = company.people(12, 13)
    group = owner.group("自己", bob)
    answer = owner.post(f"/v1/conversations/{group['id']}/members", {"request_id": str(uuid.uuid4()), "user_ids": [owner.user_id]})
    assert answer == {"added_count": 0, "member_count": 2}


def test_answers_are_forgotten_after_a_week(company, system):
    alice, bob = company.people(21, 22)
    alice.group("舊", bob)
    system.query("messaging", "UPDATE answered_requests SET create_time = now() - interval '8 days' WHERE user_id = %s;"
                 "COMMIT; SELECT 1", alice.user_id)
    alice.group("新", bob)
    rows = system.query("messaging", "SELECT count(*) FROM answered_requests WHERE user_id = %s", alice.user_id)
    assert rows == [(1,)]
