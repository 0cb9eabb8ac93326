"""How people get a password of their own."""
import pytest

from tests.lib.client import Api
from tests.lib.system import PASSWORD


@pytest.fixture
def invited(company):
    """A person, and a way to invite her."""
    admin, person = company.person(1), company.person(95)

    def invite():
        return admin.post(f"/v1/users/{person.user_id}/invitations", {})

    return person, invite


def accept(anyone, token, password):
    return anyone.post("/v1/invitations:accept", {"token": token, "password": password})


def test_invitation_sets_a_password_and_signs_in(company, anyone, invited, refused):
    person, invite = invited
    invitation = invite()
    assert invitation["path"].endswith(invitation["token"]) and "#" in invitation["path"]
    for weak in ("short", "123456789", "hr00095-and-more", "my-HR00095-pass", person.me["mobile"][-8:] + "xx"):
        with refused("PASSWORD_TOO_WEAK", 400):
            accept(anyone, invitation["token"], weak)
    tokens = accept(anyone, invitation["token"], "a new password 新密碼")
    signed_in = Api(anyone.url)
    signed_in.tokens = tokens
    assert signed_in.get("/v1/me")["user"]["id"] == person.user_id
    with refused("INVITATION_INVALID", 400):  # works once
        accept(anyone, invitation["token"], "another password")
    with refused("CREDENTIALS_INVALID", 401):
        Api(anyone.url).sign_in(company.identifier(95), PASSWORD)
    assert Api(anyone.url).sign_in(company.identifier(95), "a new password 新密碼").user_id == person.user_id


def test_a_new_invitation_replaces_the_earlier(anyone, invited, refused):
    _, invite = invited
    first, second = invite(), invite()
    with refused("INVITATION_INVALID", 400):
        accept(anyone, first["token"], "a good password")
    assert accept(anyone, second["token"], "a good password")["access_token"]


def test_invitations_that_are_none(anyone, invited, refused):
    _, invite = invited
    token = invite()["token"]
    for wrong in ("x", token[:-1], token + "A", ("A" if token[0] != "A" else "B") + token[1:], token[:-2] + "AA"):
        with refused("INVITATION_INVALID", 400):
            accept(anyone, wrong, "a good password")


def test_who_may_invite_whom(company, invited, refused):
    person, _ = invited
    member, admin = company.person(96), company.person(1)
    with refused("PERMISSION_MISSING", 403):
        member.post(f"/v1/users/{person.user_id}/invitations", {})
    left = admin.get("/v1/users", query="HR00041", show_left="true")["users"][0]
    with refused("USER_NOT_ACTIVE", 400):
        admin.post(f"/v1/users/{left['id']}/invitations", {})
    with refused("USER_NOT_FOUND", 404):
        admin.post("/v1/users/01980000-0000-7000-8000-000000000000/invitations", {})
