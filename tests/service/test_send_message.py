import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.lib.client import Api, ApiError


def test_only_members_send(company, refused):
    alice, bob, stranger = company.people(1, 2, 3)
    conversation = alice.group("盤點", bob)
    assert alice.send(conversation, "早晨")["seq"] == "1"
    with refused("CONVERSATION_NOT_FOUND", 404):  # a stranger may not even learn that it exists
        stranger.send(conversation, "hello")
    with refused("CONVERSATION_NOT_FOUND", 404):
        stranger.messages(conversation)
    assert bob.texts(conversation) == ["早晨"]


def test_answer_is_the_message(company):
    alice, bob = company.people(1, 2)
    conversation, request_id = alice.group("報更", bob), str(uuid.uuid4())
    message = alice.send(conversation, "A\nb 👍", request_id)
    assert message["sender_id"] == alice.user_id
    assert message["conversation_id"] == conversation["id"]
    assert message["request_id"] == request_id
    assert message["text"]["body"] == "A\nb 👍"
    assert message == bob.messages(conversation)[0]


def test_repeat_returns_first_answer(company, refused):
    alice, bob = company.people(1, 2)
    conversation, request_id = alice.group("重覆", bob), str(uuid.uuid4())
    first = alice.send(conversation, "once", request_id)
    assert alice.send(conversation, "once", request_id) == first
    with refused("REQUEST_ID_REUSED", 409):
        alice.send(conversation, "another text", request_id)
    bob.send(conversation, "the same id is another person's own", request_id)
    assert bob.texts(conversation) == ["once", "the same id is another person's own"]


def test_idempotency_key_header_is_request_id(company, refused):
    alice, bob = company.people(1, 2)
    conversation, key = alice.group("標頭", bob), str(uuid.uuid4())
    path, body = f"/v1/conversations/{conversation['id']}/messages", {"text": {"body": "by header"}}
    first = alice.post(path, body, headers={"Idempotency-Key": key})
    assert first["request_id"] == key
    assert alice.post(path, body, headers={"Idempotency-Key": key}) == first
    with refused("FIELD_INVALID", 400):
        alice.post(path, body, headers={"Idempotency-Key": "not a uuid"})
    assert alice.texts(conversation) == ["by header"]


def test_seq_has_no_gap_under_concurrent_sends_and_repeats(company):
    alice, bob = company.people(1, 2)
    conversation = alice.group("同時", bob)
    requests = [str(uuid.uuid4()) for _ in range(60)]

    def send(number):
        person = Api(alice.url)
        person.tokens = alice.tokens
        return person.send(conversation, f"message {number % 60}", requests[number % 60])

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(send, range(120)))  # each request twice, some at the same time
    for number in range(60):
        assert answers[number] == answers[number + 60]
    assert sorted(int(a["seq"]) for a in answers[:60]) == list(range(1, 61))
    assert [int(m["seq"]) for m in bob.messages(conversation, forward="true", page_size=200)] == list(range(1, 61))


def test_text_limits(company, refused):
    alice, bob = company.people(1, 2)
    conversation = alice.group("長度", bob)
    assert alice.send(conversation, "字" * 20000)["seq"] == "1"
    with refused("FIELD_INVALID", 400) as caught:
        alice.send(conversation, "字" * 20001)
    assert caught.value.metadata["field"] == "text.body"
    assert caught.value.metadata["limit"] == "20000"
    for blank in (" ", "\n\n", "\u3000\u200b"):
        with refused("CONTENT_MISSING", 400):
            alice.send(conversation, blank)
    with refused("FIELD_INVALID", 400):
        alice.post(f"/v1/conversations/{conversation['id']}/messages", {"request_id": str(uuid.uuid4())})
    assert len(bob.messages(conversation)) == 1


def test_list_goes_both_ways(company, refused):
    alice, bob = company.people(1, 2)
    conversation = alice.group("翻頁", bob)
    for number in range(1, 8):
        alice.send(conversation, str(number))

    def seqs(**params):
        page = bob.get(f"/v1/conversations/{conversation['id']}/messages", **params)
        assert page["last_seq"] == "7"
        return [int(m["seq"]) for m in page["messages"]], page["has_more"]

    assert seqs(page_size=3) == ([7, 6, 5], True)
    assert seqs(page_size=3, before_seq=5) == ([4, 3, 2], True)
    assert seqs(page_size=3, before_seq=2) == ([1], False)
    assert seqs(page_size=3, after_seq=4) == ([5, 6, 7], False)
    assert seqs(page_size=3, forward="true") == ([1, 2, 3], True)
    assert seqs(after_seq=7) == ([], False)
    with refused("CURSOR_AMBIGUOUS", 400):
        seqs(after_seq=1, before_seq=5)
    with refused("FIELD_INVALID", 400):
        seqs(page_size=201)


def test_one_request_id_in_two_conversations_at_once(company):
    """Whichever is first is answered, the other is told why not, in whatever batches the two are."""
    alice, bob = company.people(1, 2)
    groups = [alice.group(name, bob) for name in ("甲", "乙")]

    def send(person, group, request_id):
        try:
            person.send(group, "at once", request_id)
            return "OK"
        except ApiError as error:
            return error.reason

    with ThreadPoolExecutor(8) as pool:
        twins = [alice.twin() for _ in range(8)]
        for _ in range(20):
            request_id = str(uuid.uuid4())
            answers = list(pool.map(lambda n: send(twins[n], groups[n % 2], request_id), range(8)))
            assert sorted(answers) == ["OK"] * 4 + ["REQUEST_ID_REUSED"] * 4
    assert sum(len(bob.texts(group)) for group in groups) == 20
