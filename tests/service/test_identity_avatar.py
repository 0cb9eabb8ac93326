"""Pictures: streamed up and down, cached by ETag."""
import hashlib
import os
import socket
import struct
import uuid
import zlib

import pytest
import requests

from tests.lib import raw

SIZE_MAX_BYTES = 1024 * 1024


def png(size_bytes=None):
    """A real PNG of one pixel, with a comment that makes it as large as asked for and different each time."""
    def chunk(kind, data):
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack("!IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    tail = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")
    padding = size_bytes - len(head) - len(tail) - 12 if size_bytes else 32
    return head + chunk(b"tEXt", os.urandom(padding)) + tail


def put(person, data, media_type="image/png", **headers):
    return person.call("PUT", "/v1/me/avatar", data=data, headers={"Content-Type": media_type, **headers})


def get(viewer, person, **headers):
    return viewer.request("GET", f"/v1/users/{person.user_id}/avatar", headers=headers)


def test_upload_and_download(company, refused):
    person, viewer = company.people(97, 98)
    picture = png()
    etag = put(person, picture)["avatar_etag"]
    answer = get(viewer, person)
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, picture, "image/png")
    assert answer.headers["ETag"] == f'"{etag}"' and "private" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert viewer.get(f"/v1/users/{person.user_id}")["avatar_etag"] == etag
    again = get(viewer, person, **{"If-None-Match": f'"{etag}"'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", f'"{etag}"')
    other = put(person, png())["avatar_etag"]
    assert other != etag
    assert get(viewer, person, **{"If-None-Match": f'"{etag}"'}).status_code == 200
    assert person.call("DELETE", "/v1/me/avatar") == {}
    assert person.call("DELETE", "/v1/me/avatar") == {}
    assert viewer.get(f"/v1/users/{person.user_id}").get("avatar_etag", "") == ""
    with refused("AVATAR_NOT_FOUND", 404):
        viewer.call("GET", f"/v1/users/{person.user_id}/avatar")


def test_sizes(company, refused):
    person = company.person(97)
    largest = png(SIZE_MAX_BYTES)
    put(person, largest)
    assert hashlib.sha256(get(person, person).content).digest() == hashlib.sha256(largest).digest()
    put(person, iter([largest[:500000], largest[500000:]]))  # chunked
    assert get(person, person).content == largest
    with refused("AVATAR_INVALID", 400):
        put(person, png(SIZE_MAX_BYTES + 1))
    with refused("AVATAR_INVALID", 400):
        put(person, iter([png(SIZE_MAX_BYTES), b"x"]))
    assert get(person, person).content == largest  # a refused one changes nothing


@pytest.mark.parametrize("data", [b"", b"GIF89a" + b"\0" * 50, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG", b"\xff\xd8"])
def test_what_is_no_picture(company, refused, data):
    with refused("AVATAR_INVALID", 400):
        put(company.person(97), data)


def test_kind_comes_from_the_content(company):
    person = company.person(97)
    for media_type, data in (("image/jpeg", b"\xff\xd8\xff\xe0" + b"\0" * 100), ("image/webp", b"RIFF\x64\0\0\0WEBPVP8 " + b"\0" * 100)):
        put(person, data, media_type)
        assert get(person, person).headers["Content-Type"] == media_type


def test_who_may(company, other_company, anyone, refused):
    person = company.person(97)
    put(person, png())
    with refused("TOKEN_MISSING", 401):
        anyone.call("PUT", "/v1/me/avatar", data=png(), headers={"Content-Type": "image/png"})
    with refused("TOKEN_MISSING", 401):
        anyone.call("GET", f"/v1/users/{person.user_id}/avatar")
    with refused("TOKEN_INVALID", 401):
        anyone.call("GET", f"/v1/users/{person.user_id}/avatar", headers={"Authorization": "Bearer x"})
    with refused("USER_NOT_FOUND", 404):
        other_company.person(97).call("GET", f"/v1/users/{person.user_id}/avatar")
    with refused("USER_NOT_FOUND", 404):
        person.call("GET", f"/v1/users/{uuid.uuid4()}/avatar")


def test_upload_cut_off_changes_nothing(system, company):
    person = company.person(97)
    picture = png()
    put(person, picture)
    token = person.tokens["access_token"]
    host, port = system.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"PUT /v1/me/avatar HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: image/png\r\n"
                           f"Content-Length: 100000\r\n\r\n".encode() + png()[:50])
    assert get(person, person).content == picture


def test_expect_continue(system, company):
    """A refusal comes before the body is sent."""
    head = (f"PUT /v1/me/avatar HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: {SIZE_MAX_BYTES}\r\n"
            "Expect: 100-continue\r\n\r\n")
    answer = raw.exchange(system.url, head.encode())
    assert answer.status == 401


def test_head(company):
    person = company.person(97)
    picture = png()
    put(person, picture)
    answer = requests.head(f"{person.url}/v1/users/{person.user_id}/avatar",
                           headers={"Authorization": f"Bearer {person.tokens['access_token']}"}, timeout=10)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", str(len(picture)))
