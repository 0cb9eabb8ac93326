"""JSON, path and query into fields: strict, and the same everywhere."""
import json
import uuid

import pytest

from tests.lib.client import Api

JSON = {"Content-Type": "application/json"}


def sign_in(person, body):
    return person.call("POST", "/v1/sessions", data=body, headers=JSON)


BROKEN = {
    "empty object cut": b"{",
    "two values": b'{"identifier":"a","password":"b"}{}',
    "array": b"[]",
    "text": b'"x"',
    "null": b"null",
    "trailing comma": b'{"identifier":"a","password":"b",}',
    "single quotes": b"{'identifier':'a'}",
    "comment": b'{"identifier":"a"/**/,"password":"b"}',
    "duplicate key": b'{"identifier":"a","identifier":"b","password":"c"}',
    "duplicate key, escaped": b'{"identifier":"a","\\u0069dentifier":"b","password":"c"}',
    "invalid UTF-8": b'{"identifier":"\xff","password":"b"}',
    "overlong UTF-8": b'{"identifier":"\xc0\xaf","password":"b"}',
    "surrogate in UTF-8": b'{"identifier":"\xed\xa0\x80","password":"b"}',
    "lone surrogate": b'{"identifier":"\\ud800","password":"b"}',
    "raw control character": b'{"identifier":"a\x01","password":"b"}',
    "NUL as an escape": b'{"identifier":"a\\u0000b","password":"b"}',
    "NUL byte": b'{"identifier":"a\x00b","password":"b"}',
    "byte order mark": b'\xef\xbb\xbf{"identifier":"a","password":"b"}',
    "not a number": b'{"identifier":NaN,"password":"b"}',
    "deep": b'{"identifier":' + b"[" * 100 + b"]" * 100 + b"}",
    "very deep": b"[" * 100000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_json_of_the_message(anyone, refused, name):
    with refused("BODY_INVALID", 400):
        sign_in(anyone, BROKEN[name])


@pytest.mark.parametrize("name, body, reason", [
    ("number for text", b'{"identifier":1,"password":"b"}', "FIELD_INVALID"),
    ("object for text", b'{"identifier":{},"password":"b"}', "FIELD_INVALID"),
    ("array for text", b'{"identifier":["a"],"password":"b"}', "FIELD_INVALID"),
    ("unknown field", b'{"identifier":"a","password":"b","colour":"red"}', "FIELD_UNKNOWN"),
    ("another case", b'{"Identifier":"a","password":"b"}', "FIELD_UNKNOWN"),
    ("missing", b'{"identifier":"a"}', "FIELD_INVALID"),
    ("empty where required", b'{"identifier":"","password":"b"}', "FIELD_INVALID"),
    ("too long", json.dumps({"identifier": "a" * 255, "password": "b"}).encode(), "FIELD_INVALID"),
])
def test_fields_of_the_body(anyone, refused, name, body, reason):
    with refused(reason, 400):
        sign_in(anyone, body)


def test_limits_count_characters_and_secrets_are_not_shown(anyone, refused):
    with refused("CREDENTIALS_INVALID", 401):
        sign_in(anyone, json.dumps({"identifier": "字" * 254, "password": "𠮷" * 200}).encode())
    with refused("FIELD_INVALID", 400) as caught:
        sign_in(anyone, json.dumps({"identifier": "a", "password": "hidden-secret" * 20}).encode())
    assert caught.value.metadata["field"] == "password" and caught.value.metadata["limit"] == "200"
    assert "hidden-secret" not in json.dumps(caught.value.error)


def test_integers_as_proto3_json_has_them(company, refused):
    alice, bob = company.people(21, 22)
    group = alice.group("數字", bob)
    alice.send(group, "one")
    path = f"/v1/conversations/{group['id']}:markRead"
    for seq in ('"1"', "1", "1.0", "1e0"):
        assert bob.call("POST", path, data=f'{{"seq":{seq}}}', headers=JSON)["read_seq"] == "1"
    for seq in ('"x"', "1.5", "true", '"9223372036854775808"', "1e30", '" 1"', '"0x1"', "-1", '""'):
        with refused("FIELD_INVALID", 400):
            bob.call("POST", path, data=f'{{"seq":{seq}}}', headers=JSON)


def test_both_spellings_of_a_field_name_are_read(company, refused):
    """proto3 JSON: parsers take lowerCamelCase and the schema's name; the two together are one field given twice."""
    alice, bob = company.people(21, 22)
    answer = alice.post("/v1/users:batchGet", {"userIds": [bob.user_id]})
    assert answer["users"][0]["id"] == bob.user_id
    with refused("FIELD_INVALID", 400):
        alice.post("/v1/users:batchGet", {"userIds": [bob.user_id], "user_ids": [bob.user_id]})


def test_fields_of_path_and_query(company, refused):
    person = company.person(21)
    with refused("FIELD_INVALID", 400):
        person.get("/v1/users/not-a-uuid")
    with refused("FIELD_INVALID", 400):
        person.get("/v1/users/%ff")
    with refused("FIELD_UNKNOWN", 400) as caught:
        person.get("/v1/users", colour="red")
    assert caught.value.metadata["field"] == "colour"
    for query in ("page_size=x", "page_size=1001", "page_size=-1", "page_size=1&page_size=2", "show_left=maybe", "query=%ff",
                  "department_id=5", "query=" + "a" * 101):
        with refused("FIELD_INVALID", 400):
            person.get(f"/v1/users?{query}")
    with refused("REQUEST_MALFORMED", 400):
        person.get("/v1/users?query=%00")
    assert person.get(f"/v1/users/{person.user_id.upper()}")["id"] == person.user_id
    assert person.get("/v1/users?query=%E5%8F%B8%E5%BE%92&page_size=1")["users"]
    assert person.get("/v1/users?query=Joyce+Szeto")["users"]


def test_a_field_has_one_place(company, refused):
    alice, bob = company.people(21, 22)
    group = alice.group("一處", bob)
    with refused("FIELD_INVALID", 400):  # in the path and in the body
        alice.post(f"/v1/conversations/{group['id']}/messages", {"conversation_id": group["id"], "text": {"body": "x"}})
    with refused("FIELD_UNKNOWN", 400):  # query parameters of an operation with a body
        alice.call("POST", f"/v1/conversations/{group['id']}/messages", {"text": {"body": "x"}}, params={"request_id": "x"})


def test_idempotency_key(company, refused):
    alice, bob = company.people(21, 22)
    group, key = alice.group("鍵", bob), str(uuid.uuid4())
    path = f"/v1/conversations/{group['id']}/messages"
    first = alice.post(path, {"text": {"body": "x"}}, headers={"Idempotency-Key": key})
    assert alice.post(path, {"text": {"body": "x"}, "request_id": key}) == first
    assert alice.post(path, {"text": {"body": "x"}, "request_id": key}, headers={"Idempotency-Key": key.upper()}) == first
    with refused("FIELD_INVALID", 400):
        alice.post(path, {"text": {"body": "x"}, "request_id": str(uuid.uuid4())}, headers={"Idempotency-Key": key})
    with refused("REQUEST_ID_REUSED", 409):
        alice.post(path, {"text": {"body": "another"}}, headers={"Idempotency-Key": key})
    # where there is no request_id the header means nothing
    assert Api(alice.url).call("GET", "/v1/jwks", headers={"Idempotency-Key": key})["keys"]
    # without either, two equal requests are two messages
    assert alice.post(path, {"text": {"body": "y"}})["seq"] != alice.post(path, {"text": {"body": "y"}})["seq"]


def test_tokens(company, anyone, refused):
    token = company.person(21).tokens["access_token"]
    head, payload, signature = token.split(".")
    forged = {
        "not three parts": "abc",
        "signature cut": f"{head}.{payload}.",
        "signature changed": f"{head}.{payload}.{signature[:-4]}AAAA",
        "alg none": "eyJhbGciOiJub25lIn0." + payload + ".",
        "HMAC": "eyJhbGciOiJIUzI1NiJ9." + payload + "." + signature,
        "long": "a" * 5000,
        "not text": "\xff",
    }
    for name, text in forged.items():
        with refused("TOKEN_INVALID", 401):
            anyone.call("GET", "/v1/me", headers={"Authorization": f"Bearer {text}".encode("latin-1")})
    for other in (f"Basic {token}", token, "Bearer"):
        with refused("TOKEN_MISSING", 401):
            anyone.call("GET", "/v1/me", headers={"Authorization": other})
    assert anyone.call("GET", "/v1/me", headers={"Authorization": f"bearer {token}"})["user"]
    # a damaged token does not stop what is open to everybody
    assert anyone.call("GET", "/v1/jwks", headers={"Authorization": "Bearer x"})["keys"]


def test_permission_is_named(company, refused):
    with refused("PERMISSION_MISSING", 403) as caught:
        company.person(21).post("/v1/departments", {"name": "x"})
    assert caught.value.metadata["permission"] == "identity.manage"
