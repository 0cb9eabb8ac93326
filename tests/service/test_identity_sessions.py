"""Signing in, staying signed in, signing out."""
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from tests.lib.client import Api, ApiError
from tests.lib.load import wait_until
from tests.lib.system import PASSWORD

REVOKED_WITHIN_S = 2


def sign_in(anyone, identifier, password=PASSWORD, **fields):
    return anyone.post("/v1/sessions", {"identifier": identifier, "password": password, **fields})


def refresh(anyone, token):
    return anyone.post("/v1/sessions:refresh", {"refresh_token": token})


# signing in


@pytest.mark.parametrize("identifier", [
    "hr00080@example.hk.example", "HR00080@Example.HK.example", "+852 0080 {}", "0080 {}", "00852-0080{}", "(852) 0080"])
def test_identifiers(company, anyone, identifier):
    user = company.person(80).me
    if identifier == "(852) 0080":
        with pytest.raises(ApiError):
            sign_in(anyone, identifier)
        return
    tokens = sign_in(anyone, identifier.format(user["mobile"][-4:]))
    assert tokens["user_id"] == user["id"]


def test_external_id_needs_the_organization_where_there_are_several(company, other_company, anyone, refused):
    with refused("CREDENTIALS_INVALID", 401):
        sign_in(anyone, "HR00080")
    assert sign_in(anyone, "HR00080", organization="harbour-retail")["user_id"] == company.person(80).user_id
    assert sign_in(anyone, "hr00080", organization="other-retail")["user_id"] == other_company.person(80).user_id
    with refused("CREDENTIALS_INVALID", 401):
        sign_in(anyone, "HR00080", organization="nobody-retail")
    with refused("CREDENTIALS_INVALID", 401):  # an address of the one, in the other
        sign_in(anyone, "hr00080@example.hk.example", organization="other-retail")


def test_people_without_address_sign_in_by_employee_number(company, anyone):
    users = company.person(80).get("/v1/users", page_size=1000)["users"]
    user = next(u for u in users if not u.get("work_email"))
    assert sign_in(anyone, user["external_id"], organization="harbour-retail")["user_id"] == user["id"]


def test_unknown_wrong_and_left_get_the_same_answer(company, anyone):
    left = company.person(80).get("/v1/users", query="HR00041", show_left="true")["users"][0]
    answers = []
    for identifier, password in (("nobody@example.hk.example", PASSWORD), ("hr00080@example.hk.example", "wrong-password"),
                                 (left["work_email"] or "HR00041", PASSWORD), ("x", "y"), ("hr00080@example.hk.example", PASSWORD + " ")):
        with pytest.raises(ApiError) as refused:
            sign_in(anyone, identifier, password, organization="harbour-retail")
        answers.append((refused.value.http_status, refused.value.error))
    assert all(answer == answers[0] for answer in answers), answers
    assert answers[0][1]["details"][0]["reason"] == "CREDENTIALS_INVALID"


def test_unknown_takes_as_long_as_wrong(anyone):
    def fastest(identifier):
        times = []
        for _ in range(4):
            started = time.monotonic()
            with pytest.raises(ApiError):
                sign_in(anyone, identifier, "wrong-password")
            times.append(time.monotonic() - started)
        return min(times)

    wrong, unknown, nonsense = (fastest(i) for i in ("hr00080@example.hk.example", "nobody@example.hk.example", "\u2603"))
    print(f"wrong password {wrong * 1000:.1f} ms, unknown {unknown * 1000:.1f} ms, no identifier at all {nonsense * 1000:.1f} ms")
    assert unknown > wrong * 0.4 and nonsense > wrong * 0.4


# tokens


def test_access_token_verifies_with_the_published_keys(company, anyone):
    """By PyJWT, which knows RFC 7517 and RFC 9068 but nothing of Kongsi."""
    person = company.person(80)
    token = person.tokens["access_token"]
    keys = jwt.PyJWKSet.from_dict(anyone.get("/v1/jwks"))
    head = jwt.get_unverified_header(token)
    assert head["alg"] == "ES256" and head["typ"].lower() == "at+jwt"
    claims = jwt.decode(token, keys[head["kid"]], algorithms=["ES256"], audience="kongsi", issuer="kongsi",
                        options={"require": ["exp", "iat", "sub", "aud", "iss", "jti"]})
    me = person.get("/v1/me")
    assert claims["sub"] == person.user_id and claims["org"] == me["organization"]["id"]
    assert claims["sid"] == person.tokens["session_id"]
    assert sorted(claims["scope"].split()) == sorted(me["permissions"])
    assert 0 < claims["exp"] - claims["iat"] <= 600
    for key in anyone.get("/v1/jwks")["keys"]:
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig") and "d" not in key


def test_a_token_of_another_key_is_refused(company, anyone, refused):
    """The same claims, signed by somebody else under our key's name."""
    from cryptography.hazmat.primitives.asymmetric import ec
    token = company.person(80).tokens["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", headers=jwt.get_unverified_header(token))
    with refused("TOKEN_INVALID", 401):
        anyone.call("GET", "/v1/me", headers={"Authorization": f"Bearer {forged}"})
    # and the public key taken for a password of HMAC
    key = anyone.get("/v1/jwks")["keys"][0]
    confused = jwt.encode(claims, (key["x"] + key["y"]).ljust(64, "x"), "HS256", headers={"kid": key["kid"]})
    with refused("TOKEN_INVALID", 401):
        anyone.call("GET", "/v1/me", headers={"Authorization": f"Bearer {confused}"})


def test_me(company):
    boss, member = company.person(1), company.person(80)
    me = member.get("/v1/me")
    assert me["organization"]["slug"] == "harbour-retail" and me["organization"]["name"] == "Harbour Retail Limited"
    assert me["user"]["external_id"] == "HR00080" and me["user"]["role"] == "USER_ROLE_MEMBER"
    assert {"identity.self", "identity.read", "messaging.read", "messaging.send"} == set(me["permissions"])
    me = boss.get("/v1/me")
    assert me["user"]["role"] == "USER_ROLE_ADMINISTRATOR" and "identity.manage" in me["permissions"]
    assert me["user"]["display_name"] == "Joyce Szeto 司徒詠詩"


# refreshing


def test_refresh_rotates(company, anyone, refused):
    first = company.fresh(81).tokens
    second = refresh(anyone, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"] and second["session_id"] == first["session_id"]
    assert second["user_id"] == first["user_id"]
    lost = refresh(anyone, first["refresh_token"])  # the answer was lost: the same successor again
    assert lost["refresh_token"] == second["refresh_token"]
    third = refresh(anyone, second["refresh_token"])
    person = Api(anyone.url)
    person.tokens = third
    assert person.get("/v1/me")["user"]["id"] == first["user_id"]


def test_reuse_ends_the_session(company, anyone, refused):
    first = company.fresh(81)
    second = refresh(anyone, first.tokens["refresh_token"])
    third = refresh(anyone, second["refresh_token"])
    with refused("REFRESH_TOKEN_REUSED", 401):
        refresh(anyone, first.tokens["refresh_token"])
    with refused("REFRESH_TOKEN_INVALID", 401):
        refresh(anyone, third["refresh_token"])
    for tokens in (first.tokens, second, third):
        person = Api(anyone.url)
        person.tokens = tokens
        wait_until(lambda person=person: person.request("GET", "/v1/me").status_code == 401, REVOKED_WITHIN_S)


def test_refresh_tokens_that_are_none(company, anyone, refused):
    token = company.fresh(81).tokens["refresh_token"]
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in ("x", changed, token + "A", token[:-1], company.person(81).tokens["access_token"][:200], str(uuid.uuid4())):
        with refused("REFRESH_TOKEN_INVALID", 401):
            refresh(anyone, wrong)
    assert refresh(anyone, token)


def test_fifty_refreshes_at_once_are_one(company, anyone):
    first = company.fresh(81).tokens

    def one(_):
        return refresh(Api(anyone.url), first["refresh_token"])

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(one, range(50)))
    assert len({answer["refresh_token"] for answer in answers}) == 1
    assert refresh(anyone, answers[0]["refresh_token"])["session_id"] == first["session_id"]


# signing out


def test_sign_out_ends_the_session_everywhere(company, anyone, refused):
    leaving, staying = company.fresh(82), company.fresh(82)
    assert leaving.post("/v1/sessions:signOut") == {}
    started = time.monotonic()
    for path in ("/v1/me", "/v1/conversations", "/v1/users"):  # of both services
        wait_until(lambda path=path: leaving.request("GET", path).status_code == 401, REVOKED_WITHIN_S)
        with refused("TOKEN_INVALID", 401):
            leaving.get(path)
    assert time.monotonic() - started < REVOKED_WITHIN_S
    with refused("REFRESH_TOKEN_INVALID", 401):
        refresh(anyone, leaving.tokens["refresh_token"])
    assert staying.get("/v1/me")
    assert refresh(anyone, staying.tokens["refresh_token"])


def test_sign_out_twice_at_once(company):
    person = company.fresh(82)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: person.twin().request("POST", "/v1/sessions:signOut", {}).status_code, range(8)))
    assert set(statuses) <= {200, 401} and 200 in statuses  # 401: the first had reached this edge already


def test_sign_out_is_told_once(system, company):
    person = company.fresh(82)
    person.post("/v1/sessions:signOut")
    rows = system.query("identity", "SELECT count(*) FROM event_log WHERE subject = %s OR position(%s::bytea in payload) > 0",
                        person.tokens["session_id"], person.tokens["session_id"].encode())
    assert rows == [(1,)]
