"""The gateway as an HTTP server: what it answers to requests that are wrong in themselves."""
import gzip
import json
import socket
import threading
import time

import pytest
import requests

from tests.lib import raw
from tests.lib.client import Api, ApiError


DRIP_INTERVAL_S = 1
BODY_GRACE_S = 10


@pytest.fixture(scope="module", autouse=True)
def dripping(system):
    """Sends a body of one byte a second from the first test on; the last one sees what it got."""
    host, port = system.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n")
    started, stopping = time.monotonic(), threading.Event()

    def drip():
        while not stopping.wait(DRIP_INTERVAL_S):
            try:
                connection.sendall(b" ")
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    yield connection, started
    stopping.set()
    thread.join()
    connection.close()


def error_of(answer):
    """The error of a raw answer, held against the promised shape."""
    assert answer.headers["content-type"].startswith("application/json")
    body = json.loads(answer.body)
    assert list(body) == ["error"]
    error = body["error"]
    assert error["code"] == answer.status
    assert error["status"].isupper() and error["message"]
    (detail,) = error["details"]
    assert set(detail) <= {"reason", "domain", "metadata"}
    assert detail["domain"].endswith("kongsi")
    return detail["reason"]


def test_error_shape(system, anyone):
    with pytest.raises(ApiError) as caught:
        anyone.get("/v1/me")
    error = caught.value.error
    assert error["code"] == 401 and error["status"] == "UNAUTHENTICATED"
    assert error["details"][0]["reason"] == "TOKEN_MISSING" and error["details"][0]["domain"] == "kongsi"
    answer = raw.request(system.url, "GET", "/v1/me")
    assert error_of(answer) == "TOKEN_MISSING"


@pytest.mark.parametrize("path", ["/v1/", "/v1/nothing", "/v1/me/", "/v1//me", "/v1/ME", "/v1/users/a/b/c",
                                  "/v1/conversations:markRead", "/v1/sessions:nothing"])
def test_unknown_paths(company, refused, path):
    with refused("ROUTE_NOT_FOUND", 404):
        company.person(1).get(path)


def test_method_not_allowed_names_the_allowed(company):
    person = company.person(1)
    answer = person.request("DELETE", "/v1/conversations")
    assert answer.status_code == 405
    assert {"GET", "POST"} <= {name.strip() for name in answer.headers["Allow"].split(",")}
    assert answer.json()["error"]["details"][0]["reason"] == "METHOD_NOT_ALLOWED"
    assert person.request("BREW", "/v1/me").status_code in (400, 405, 501)
    assert person.request("DELETE", "/v1/me/avatar").status_code == 200  # a raw route, with another verb
    assert person.request("POST", "/v1/me/avatar", {}).status_code == 405


def test_media_type(company, refused):
    person = company.person(1)
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data; boundary=x"):
        with refused("MEDIA_TYPE_UNSUPPORTED", 415):
            person.call("POST", "/v1/users:batchGet", data=b'{"user_ids":[]}', headers={"Content-Type": content_type})
    assert person.call("POST", "/v1/users:batchGet", data=json.dumps({"user_ids": [person.user_id]}),
                       headers={"Content-Type": "application/json; charset=utf-8"})["users"]


def test_body_too_large(system, company, refused):
    person = company.person(1)
    with refused("BODY_TOO_LARGE", 413):
        person.call("POST", "/v1/users:batchGet", data=b" " * (1024 * 1024 + 1), headers={"Content-Type": "application/json"})
    # refused by its announced length, before it is sent
    answer = raw.exchange(system.url, b"POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                      b"Content-Length: 99999999999\r\n\r\n")
    assert (answer.status, error_of(answer)) == (413, "BODY_TOO_LARGE")
    # and in chunks, whose sum nobody announced
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = raw.exchange(system.url, b"POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                      b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17 + b"0\r\n\r\n")
    assert (answer.status, error_of(answer)) == (413, "BODY_TOO_LARGE")


def test_chunked_bodies_are_read(company):
    person = company.person(1)

    def pieces():
        yield b'{"user_ids":["'
        yield person.user_id.encode() + b'"]}'

    answer = person.call("POST", "/v1/users:batchGet", data=pieces(), headers={"Content-Type": "application/json"})
    assert [user["id"] for user in answer["users"]] == [person.user_id]


def test_target_and_headers_too_long(system):
    answer = raw.request(system.url, "GET", "/v1/jwks?" + "a" * 9000)
    assert (answer.status, error_of(answer)) == (414, "URI_TOO_LONG")
    answer = raw.request(system.url, "GET", "/v1/jwks", [("X-Long", "a" * 40000)])
    assert (answer.status, error_of(answer)) == (431, "HEADERS_TOO_LARGE")
    answer = raw.request(system.url, "GET", "/v1/jwks", [(f"X-{n}", "a") for n in range(60)])
    assert (answer.status, error_of(answer)) == (431, "HEADERS_TOO_LARGE")
    answer = raw.request(system.url, "GET", "/v1/jwks", [(f"X-{n}", "a") for n in range(40)])
    assert answer.status == 200


AMBIGUOUS = {
    "length and chunks": b"Host: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Host: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    "length with a sign": b"Host: a\r\nContent-Length: +2\r\n\r\n{}",
    "two lengths in one": b"Host: a\r\nContent-Length: 2, 2\r\n\r\n{}",
    "no host": b"Content-Length: 2\r\n\r\n{}",
    "two hosts": b"Host: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}",
    "blank before the colon": b"Host: a\r\nContent-Length : 2\r\n\r\n{}",
    "folded line": b"Host: a\r\nX: 1\r\n 2\r\nContent-Length: 2\r\n\r\n{}",
    "line feed alone": b"Host: a\nContent-Length: 2\r\n\r\n{}",
    "unknown coding": b"Host: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two authorizations": b"Host: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_requests_are_refused_and_the_connection_ends(system, name):
    head = b"POST /v1/sessions HTTP/1.1\r\nContent-Type: application/json\r\n" + AMBIGUOUS[name]
    # A second request behind it must not be read: exchange() returns when the server closes, or with the first answer.
    answer = raw.exchange(system.url, head + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (answer.status, error_of(answer)) == (400, "REQUEST_MALFORMED")
    assert answer.headers["connection"].lower() == "close"


@pytest.mark.parametrize("target", ["/v1/users/%zz", "/v1/users/%00", "/v1/users/a%0d%0aX: y", "v1/me", "/v1/me#x", "/v1/\x80"])
def test_malformed_targets(system, target):
    answer = raw.request(system.url, "GET", target)
    assert (answer.status, error_of(answer)) == (400, "REQUEST_MALFORMED")


@pytest.mark.parametrize("target", ["http://elsewhere/v1/jwks", "*", "elsewhere:443"])
def test_targets_of_proxies_reach_nothing(system, target):
    assert raw.request(system.url, "GET", target).status in (400, None)  # None: closed without a word


def test_security_headers_everywhere(system, company):
    for path in ("/", "/v1/me", "/v1/nothing", "/openapi.json"):
        headers = company.person(1).request("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe-eval" not in headers["Content-Security-Policy"]
        assert "Server" not in headers
        assert "Access-Control-Allow-Origin" not in headers


def test_answers_of_the_api_are_not_kept(company):
    assert "no-store" in company.person(1).request("GET", "/v1/me").headers["Cache-Control"]


def test_gzip(company):
    person = company.person(1)
    plain = person.request("GET", "/v1/users?page_size=200", headers={"Accept-Encoding": "identity"})
    packed = person.request("GET", "/v1/users?page_size=200", headers={"Accept-Encoding": "gzip"})
    refusing = person.request("GET", "/v1/users?page_size=200", headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers and "Content-Encoding" not in refusing.headers
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert packed.json() == plain.json() == refusing.json()
    assert int(packed.headers["Content-Length"]) * 2 < int(plain.headers["Content-Length"])


def test_head_is_get_without_body(system, company):
    person = company.person(1)
    for path in ("/v1/me", "/v1/jwks", "/openapi.json"):
        got = person.request("GET", path, headers={"Accept-Encoding": "identity"})
        head = person.request("HEAD", path, headers={"Accept-Encoding": "identity"})
        assert head.status_code == 200 and head.content == b""
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
    answer = raw.request(system.url, "HEAD", "/v1/me")
    assert (answer.status, answer.body) == (401, b"")


def test_keep_alive_serves_many_requests_on_one_connection(system):
    both = raw.exchange(system.url, b"GET /v1/jwks HTTP/1.1\r\nHost: a\r\n\r\n")
    assert both.status == 200 and both.headers.get("connection", "").lower() != "close"
    with requests.Session() as session:
        for _ in range(5):
            assert session.get(f"{system.url}/v1/jwks").status_code == 200


def test_trace_context_is_continued_into_the_log(system, anyone):
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    with pytest.raises(ApiError):
        anyone.call("POST", "/v1/sessions", {"identifier": "x", "password": "y"},
                    headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    for broken in ("00-zz-zz-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 500):
        with pytest.raises(ApiError) as caught:
            anyone.call("POST", "/v1/sessions", {"identifier": "x", "password": "y"}, headers={"traceparent": broken})
        assert caught.value.reason == "CREDENTIALS_INVALID"


def test_health_and_metrics(system, company):
    company.person(1).get("/v1/me")
    ports = system.ports.values() if system.mode == "services" else [system.ports["gateway"]]
    for port in ports:
        base = f"http://127.0.0.1:{port}"
        assert requests.get(f"{base}/healthz").status_code == 200
        assert requests.get(f"{base}/readyz").status_code == 200
        metrics = requests.get(f"{base}/metrics")
        assert metrics.headers["Content-Type"].startswith("text/plain")
        assert "kongsi_" in metrics.text


def test_internal_calls_are_not_for_the_door(system, company):
    """Twirp paths and methods for services alone are nowhere on the gateway, whoever asks."""
    person = company.person(1)
    for path in ("/twirp/kongsi.identity.v1.IdentityService/CreateOrganization",
                 "/twirp/kongsi.identity.v1.IdentityService/GetMe",
                 "/twirp/kongsi.bus.v1.EventLogService/ReadEvents",
                 "/v1/organizations", "/v1/directory:importOrganization"):
        answer = person.request("POST", path, {})
        assert answer.status_code in (404, 405), path
    document = requests.get(f"{system.url}/openapi.json").json()
    names = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    assert not names & {"createOrganization", "importOrganizationDirectory", "setUserRole", "readEvents", "listMemberships"}


@pytest.mark.only(mode="services")
def test_services_trust_nobody_who_reaches_their_port(system, company):
    """A service's own port refuses what carries neither a person's token nor the services' proof."""
    address = f"http://127.0.0.1:{system.ports['identity']}/twirp/kongsi.identity.v1.IdentityService/"
    headers = {"Content-Type": "application/protobuf"}
    for extra in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Kongsi-Service gateway.99999999999." + "0" * 64},
                  {"Authorization": f"Bearer {company.person(1).tokens['access_token']}"}):
        for method in ("CreateOrganization", "SetUserRole"):
            answer = requests.post(address + method, data=b"", headers={**headers, **extra})
            assert answer.status_code in (401, 403), (method, extra, answer.text)
    assert requests.post(address + "GetMe", data=b"", headers=headers).status_code == 401


def test_static_files(system):
    page = requests.get(f"{system.url}/openapi.json", headers={"Accept-Encoding": "identity"})
    etag = page.headers["ETag"]
    assert page.headers["Content-Type"] == "application/json" and etag.startswith('"')
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = requests.get(f"{system.url}/openapi.json", headers={"If-None-Match": known, "Accept-Encoding": "identity"})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag), known
    assert requests.get(f"{system.url}/openapi.json", headers={"If-None-Match": '"other"'}).status_code == 200
    packed = requests.get(f"{system.url}/openapi.json", headers={"Accept-Encoding": "gzip"}, stream=True)
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["ETag"] != etag  # other bytes, another tag
    assert gzip.decompress(packed.raw.read()) == page.content
    assert requests.post(f"{system.url}/openapi.json", json={}).status_code == 405


def test_no_path_leads_out_of_the_web_client(system):
    for target in ("/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/../../kongsi.yaml", "//etc/passwd", "/.git/config",
                   "/..%2f..%2fetc/passwd", "/assets/%5c..%5c..%5cetc/passwd"):
        answer = raw.request(system.url, "GET", target)
        assert answer.status in (400, 404) or b"root:" not in answer.body and answer.headers["content-type"].startswith("text/html")


def test_api_page(system):
    page = requests.get(f"{system.url}/api")
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "http://" not in page.text.replace("http://www.w3.org/", "") and "https://" not in page.text
    assert requests.get(f"{system.url}/config.json").json()["realtime_port"] == system.ports["realtime"]


def test_web_client_is_served_where_it_is_built(system):
    page = requests.get(f"{system.url}/")
    if page.status_code == 404:
        pytest.skip("web/dist is not built")
    assert page.headers["Content-Type"].startswith("text/html") and page.headers["Cache-Control"] == "no-cache"
    assert requests.get(f"{system.url}/conversations/of-the-client").content == page.content
    asset = next(part.split('"')[0] for part in page.text.split('src="')[1:])
    served = requests.get(f"{system.url}/{asset.lstrip('/.')}")
    assert served.status_code == 200 and "immutable" in served.headers["Cache-Control"]
    assert requests.get(f"{system.url}/assets/nothing.js").status_code == 404


def test_dripping_client_does_not_hold_the_gateway(system):
    """Connections that send nothing more are cut, and others are served meanwhile."""
    host, port = system.url.removeprefix("http://").split(":")
    held = [socket.create_connection((host, int(port))) for _ in range(20)]
    try:
        for connection in held:
            connection.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Le")
        assert Api(system.url).get("/v1/jwks")["keys"]
    finally:
        for connection in held:
            connection.close()


def test_a_body_that_drips_is_cut(dripping):
    connection, started = dripping
    connection.settimeout(2 * BODY_GRACE_S)
    received = b""
    while piece := connection.recv(65536):
        received += piece
    answer = raw.RawAnswer(received)
    assert (answer.status, error_of(answer)) == (408, "BODY_TOO_SLOW")
    assert time.monotonic() - started >= BODY_GRACE_S - 1
