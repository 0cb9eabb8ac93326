"""A Kongsi of low limits: rates, sizes, origins, and sockets that fall silent."""
import http.client
import itertools
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.conftest import Company, running_system
from tests.lib.client import Api, ApiError, Socket
from tests.lib.system import PASSWORD
from tests.lib.tokens import forge, now, with_token

ORIGIN = "https://app.example"
SIGN_INS, SENDS, GENERAL, IMPORTS = 6, 10, 60, 2
PING_INTERVAL_S = 1
ADDRESSES = (f"198.51.100.{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def strict():
    settings = {
        "gateway": {"rate_general_per_minute": GENERAL, "rate_sign_in_per_minute": SIGN_INS, "rate_send_per_minute": SENDS,
                    "rate_import_per_minute": IMPORTS, "body_size_max_bytes": 4096, "cors_origins": [ORIGIN],
                    "trusted_proxies": ["127.0.0.1"]},
        "messaging": {"send_queue_max": 1, "send_writers": 1, "send_batch_max": 1},
        "realtime": {"ping_interval_seconds": PING_INTERVAL_S, "sockets_max": 8}}
    with running_system(settings=settings) as running:
        running.broken_reasons = {"OVERLOADED"}
        running.import_company("harbour-retail", "Harbour Retail Limited")
        yield running


class StrictCompany(Company):
    """Everybody comes from an address of their own, so that sign-ins do not count together."""

    def fresh(self, number):
        person = from_address(self.system, next(ADDRESSES))
        return person.sign_in(f"HR{number:05d}", PASSWORD, self.slug)


@pytest.fixture(scope="module")
def people(strict):
    return StrictCompany(strict, "example.hk.example", "harbour-retail")


def from_address(system, address):
    api = Api(system.url)
    api.http.headers["X-Forwarded-For"] = address
    return api


def calls_until_limited(call, count_max):
    """How many calls went through before the first 429, and that answer."""
    for count in range(count_max):
        try:
            call()
        except ApiError as refused:
            if refused.http_status == 429:
                assert refused.reason == "RATE_LIMITED"
                return count, refused
    raise AssertionError(f"{count_max} calls and no limit")


def refused_but_not_limited(api, path, body):
    with pytest.raises(ApiError) as refused:
        api.post(path, body)
    if refused.value.http_status == 429:
        raise refused.value


def wrong_password(api):
    refused_but_not_limited(api, "/v1/sessions", {"identifier": "nobody", "password": "wrong"})


def test_sign_ins_of_an_address(strict):
    address, other = from_address(strict, "203.0.113.1"), from_address(strict, "203.0.113.2")
    count, refused = calls_until_limited(lambda: wrong_password(address), SIGN_INS + 3)
    assert SIGN_INS <= count <= SIGN_INS + 1
    answer = address.request("POST", "/v1/sessions", {"identifier": "nobody", "password": "wrong"})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60 / SIGN_INS + 1
    assert refused.metadata["retry_after_seconds"].isdigit()
    wrong_password(other)  # another address is not concerned
    assert address.get("/v1/jwks")  # nor another class


def test_waiting_as_told_is_enough(strict):
    address = from_address(strict, "203.0.113.3")
    calls_until_limited(lambda: address.get("/v1/jwks"), GENERAL + 20)
    answer = address.request("GET", "/v1/jwks")
    if answer.status_code == 429:
        time.sleep(int(answer.headers["Retry-After"]))  # the promise under test
    assert address.request("GET", "/v1/jwks").status_code == 200


def test_only_the_trusted_proxys_word_counts(strict):
    """The last entry is what our proxy saw; those before it are the client's own tale."""
    for count in range(SIGN_INS + 2):
        tale = from_address(strict, f"192.0.2.{count}, 203.0.113.9")
        try:
            wrong_password(tale)
        except ApiError as refused:
            assert refused.http_status == 429 and count >= SIGN_INS
            return
    raise AssertionError("a made-up address made a new bucket")


def test_the_proxys_own_field_comes_last(strict):
    """Some proxies add a field of their own behind the client's instead of making it longer."""
    gateway = http.client.HTTPConnection("127.0.0.1", strict.ports["gateway"], timeout=10)
    statuses = []
    for count in range(SIGN_INS + 2):
        body = b'{"identifier": "nobody", "password": "wrong"}'
        gateway.putrequest("POST", "/v1/sessions")
        for name, value in (("X-Forwarded-For", f"192.0.2.{count}"), ("X-Forwarded-For", "203.0.113.10"),
                            ("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            gateway.putheader(name, value)
        gateway.endheaders(body)
        answer = gateway.getresponse()
        answer.read()
        statuses.append(answer.status)
    gateway.close()
    assert statuses[0] != 429 and statuses[-1] == 429


def test_sends_and_requests_of_a_person(people):
    alice, bob = people.person(1), people.person(2)
    group = alice.group("快", bob)
    count, _ = calls_until_limited(lambda: alice.send(group, "x"), SENDS + 5)
    assert SENDS <= count <= SENDS + 2
    assert bob.send(group, "mine is another bucket")
    # from wherever the person comes
    elsewhere = from_address(people.system, next(ADDRESSES))
    elsewhere.tokens = alice.tokens
    with pytest.raises(ApiError) as refused:
        elsewhere.send(group, "x")
    assert refused.value.http_status == 429
    count, _ = calls_until_limited(lambda: bob.get("/v1/me"), GENERAL + 30)
    assert alice.get("/v1/me")


def test_imports_of_a_person(people):
    admin = people.person(1)
    count, _ = calls_until_limited(lambda: refused_but_not_limited(admin, "/v1/directory:import", {}), IMPORTS + 3)
    assert count == IMPORTS


def test_wrong_tokens_are_limited_too(strict):
    """Guessing tokens is no way around the limit."""
    address = from_address(strict, "203.0.113.20")
    address.tokens = {"access_token": "guess"}
    statuses = [address.request("GET", "/v1/me").status_code for _ in range(GENERAL + 10)]
    assert statuses[0] == 401 and statuses[-1] == 429


def test_raw_routes_are_limited(people):
    person = people.person(3)
    statuses = [person.request("GET", f"/v1/users/{person.user_id}/avatar").status_code for _ in range(GENERAL + 10)]
    assert statuses[0] == 404 and statuses[-1] == 429


def test_body_limit_is_the_configured_one(people, refused):
    person = people.person(4)
    with refused("BODY_TOO_LARGE", 413):
        person.post("/v1/users:batchGet", {"user_ids": [str(uuid.uuid4()) for _ in range(200)]})
    with refused("PERMISSION_MISSING", 403):  # an import has its own, larger limit
        person.post("/v1/directory:import", {"staff_csv": "QUFB" * 5000})


def test_cors(strict, people):
    person = people.person(5)
    answer = person.request("GET", "/v1/me", headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN and "Origin" in answer.headers["Vary"]
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    for origin in ("https://evil.example", "null", ORIGIN + ".evil.example", ORIGIN.upper()):
        assert "Access-Control-Allow-Origin" not in person.request("GET", "/v1/me", headers={"Origin": origin}).headers
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = requests.options(f"{strict.url}/v1/conversations", headers=preflight)
    assert answer.status_code == 204 and answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"] and "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    assert {"authorization", "content-type", "idempotency-key"} <= \
        {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    answer = requests.options(f"{strict.url}/v1/conversations", headers={**preflight, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    error = Api(strict.url).request("GET", "/v1/me", headers={"Origin": ORIGIN})  # a page must be able to read refusals
    assert error.status_code == 401 and error.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_more_sends_at_once_than_the_queue_holds(people):
    """Some are told to come back; with the same request_id they then succeed, and no seq is lost on the way."""
    everybody = [people.person(number) for number in range(20, 36)]
    group = everybody[0].group("擠", *everybody[1:])
    together = threading.Barrier(len(everybody))

    def send(person):
        own, request_id = person.twin(), str(uuid.uuid4())
        own.http.headers.update(person.http.headers)
        together.wait()
        refusals = []
        while True:
            answer = own.request("POST", f"/v1/conversations/{group['id']}/messages", {"request_id": request_id, "text": {"body": "x"}})
            if answer.status_code == 200:
                return refusals, int(answer.json()["seq"])
            assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 0
            refusals.append(answer.json()["error"]["details"][0]["reason"])
            time.sleep(int(answer.headers["Retry-After"]))  # as told

    with ThreadPoolExecutor(len(everybody)) as pool:
        results = list(pool.map(send, everybody))
    assert {reason for refusals, _ in results for reason in refusals} == {"OVERLOADED"}
    assert sorted(seq for _, seq in results) == list(range(1, len(everybody) + 1))


# tokens that only our own key could have made


def test_tokens_signed_right_that_are_wrong(strict, people, refused):
    person = people.person(6)
    assert with_token(person, forge(strict, person)).get("/v1/me")
    with refused("TOKEN_EXPIRED", 401):
        with_token(person, forge(strict, person, iat=now() - 1000, exp=now() - 400)).get("/v1/me")
    wrong = {
        "other audience": {"aud": "elsewhere"}, "no audience": {"aud": None}, "other issuer": {"iss": "elsewhere"},
        "no issuer": {"iss": None}, "no subject": {"sub": None}, "no organization": {"org": None}, "no session": {"sid": None},
        "no expiry": {"exp": None}, "expiry as text": {"exp": str(now() + 300)}, "subject is no id": {"sub": "admin"},
        "not yet": {"iat": now() + 1000, "exp": now() + 2000},
    }
    for name, claims in wrong.items():
        answer = with_token(person, forge(strict, person, **claims)).request("GET", "/v1/me")
        assert answer.status_code == 401, name
        assert answer.json()["error"]["details"][0]["reason"] == "TOKEN_INVALID", name
    for headers in ({"kid": "unknown"}, {"crit": ["exp"]}, {"typ": "JWT"}, {"jwk": {"kty": "oct", "k": "AAAA"}}):
        answer = with_token(person, forge(strict, person, headers=headers)).request("GET", "/v1/me")
        assert answer.status_code == 401 or headers == {"typ": "JWT"}, headers


def test_scope_decides(strict, people, refused):
    person = people.person(7)
    reading = with_token(person, forge(strict, person, scope="identity.self messaging.read"))
    assert reading.get("/v1/conversations") and reading.get("/v1/me")
    for method, path, permission in (("GET", "/v1/users", "identity.read"), ("POST", "/v1/conversations", "messaging.send"),
                                     ("POST", "/v1/directory:import", "identity.manage")):
        body = {"kind": "CONVERSATION_KIND_DIRECT", "member_ids": [str(uuid.uuid4())]} if path == "/v1/conversations" else None
        body = {} if path == "/v1/directory:import" else body
        with refused("PERMISSION_MISSING", 403) as caught:
            reading.call(method, path, body)
        assert caught.value.metadata["permission"] == permission
    nothing = with_token(person, forge(strict, person, scope="messaging.reader"))
    with refused("PERMISSION_MISSING", 403):
        nothing.get("/v1/conversations")


# sockets


@pytest.fixture
def open_strict(strict):
    opened = []

    def open_one(person=None):
        socket = Socket(strict.socket_url)
        opened.append(socket)
        return socket.sign_in(person) if person else socket

    yield open_one
    for socket in opened:
        socket.close()


def test_a_socket_that_falls_silent_is_closed(people, open_strict):
    people.person(8), people.person(9)
    started = time.monotonic()
    silent, alive = open_strict(people.person(8)), open_strict(people.person(9))
    while silent.closed is None and time.monotonic() - started < 10:
        alive.ping()
        time.sleep(PING_INTERVAL_S / 4)  # as a client does
    assert silent.closed == 4408
    assert time.monotonic() - started > PING_INTERVAL_S
    alive.ping()


def test_a_token_that_expires_on_an_open_socket(strict, people, open_strict):
    person = people.person(10)
    soon = with_token(person, forge(strict, person, exp=now() + 3))
    renewed, left = open_strict(soon), open_strict(soon)
    for socket in (renewed, left):
        assert socket.wait_push("token_expiring")["token_expire_time"]
    assert "token_renewed" in renewed.answer(renew_token={"access_token": person.tokens["access_token"]})
    deadline = time.monotonic() + 10
    while left.closed is None and time.monotonic() < deadline:
        for socket in (renewed, left):
            if socket.closed is None:
                socket.send(ping={})
        time.sleep(PING_INTERVAL_S / 4)
    assert left.closed == 4401
    renewed.ping()


def test_expired_token_does_not_sign_in(strict, people, open_strict):
    person = people.person(10)
    socket = open_strict()
    socket.send(sign_in={"access_token": forge(strict, person, iat=now() - 1000, exp=now() - 400)})
    assert socket.wait_closed() == 4401


def test_permission_of_commands(strict, people, open_strict):
    alice, bob = people.person(11), people.person(12)
    group = alice.group("只讀", bob)
    socket = open_strict(with_token(alice, forge(strict, alice, scope="identity.self messaging.read")))
    error = socket.answer(send_message={"conversation_id": group["id"], "request_id": str(uuid.uuid4()), "text": {"body": "x"}})["error"]
    assert error["reason"] == "PERMISSION_MISSING" and error["metadata"]["permission"] == "messaging.send"


def test_more_sockets_than_there_is_room_for(strict, open_strict):
    import websocket
    opened = 0
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        while opened < 20:
            open_strict()
            opened += 1
    assert refused.value.status_code == 503 and 1 <= opened <= 8
