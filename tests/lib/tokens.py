"""Access tokens made by the test with the system's own key: what a service must refuse even though the signature is right."""
import time
import uuid

import jwt

from tests.lib.client import Api


def claims_of(person):
    return jwt.decode(person.tokens["access_token"], options={"verify_signature": False})


def forge(system, person, headers=None, without=(), **changes):
    """The person's token with other claims; None takes a claim's place by nothing."""
    claims = {**claims_of(person), "jti": str(uuid.uuid4()), **changes}
    claims = {name: value for name, value in claims.items() if value is not None and name not in without}
    key = (system.dir / "secrets" / "signing_key.pem").read_text()
    return jwt.encode(claims, key, "ES256", headers={**jwt.get_unverified_header(person.tokens["access_token"]), **(headers or {})})


def with_token(person, token):
    other = Api(person.url)
    other.tokens, other.me = {**person.tokens, "access_token": token}, person.me
    return other


def now():
    return int(time.time())
