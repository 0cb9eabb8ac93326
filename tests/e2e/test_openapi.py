"""/openapi.json tells the truth: every operation is called, and a fuzzer finds nothing undocumented."""
import base64
import os
import re
import subprocess
import sys
import uuid

import pytest
import requests

from tests.lib.client import Api
from tests.lib.system import EXAMPLE, PASSWORD, ROOT

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
FUZZ_SEED = int(os.environ.get("KONGSI_FUZZ_SEED", "20260201"))
FUZZ_EXAMPLES = int(os.environ.get("KONGSI_FUZZ_EXAMPLES", "12"))
FUZZ_TIMEOUT_S = 420


def request_id():
    return str(uuid.uuid4())


def test_every_operation_is_exercised(contract, company, anyone):
    """One call of each, that succeeds; conftest's contract holds every answer against the document."""
    admin, alice, bob = company.people(1, 100, 101)
    leaving = company.fresh(102)
    department = alice.get("/v1/departments")["departments"][0]
    group = alice.group("文檔", bob)
    alice.send(group, "one")
    conversation, token = f"/v1/conversations/{group['id']}", leaving.tokens["refresh_token"]
    invitation = admin.post(f"/v1/users/{company.person(104).user_id}/invitations", {})
    staff = base64.b64encode((EXAMPLE / "staff.csv").read_bytes()).decode()
    calls = [
        (anyone, "POST", "/v1/sessions", {"identifier": company.identifier(100), "password": PASSWORD}),
        (anyone, "POST", "/v1/sessions:refresh", {"refresh_token": token}),
        (leaving, "POST", "/v1/sessions:signOut", {}),
        (anyone, "GET", "/v1/jwks", None),
        (alice, "GET", "/v1/me", None),
        (alice, "GET", "/v1/departments?page_size=5", None),
        (alice, "GET", f"/v1/departments/{department['id']}", None),
        (admin, "POST", "/v1/departments", {"request_id": request_id(), "name": "Documented"}),
        (alice, "GET", "/v1/users?query=chan&page_size=3&show_left=true", None),
        (alice, "GET", f"/v1/users/{bob.user_id}", None),
        (alice, "POST", "/v1/users:batchGet", {"user_ids": [bob.user_id]}),
        (admin, "POST", f"/v1/users/{company.person(103).user_id}/invitations", {}),
        (anyone, "POST", "/v1/invitations:accept", {"token": invitation["token"], "password": PASSWORD}),
        (admin, "POST", "/v1/directory:import", {"dry_run": True, "staff_csv": staff}),
        (alice, "PUT", "/v1/me/avatar", PNG),
        (bob, "GET", f"/v1/users/{alice.user_id}/avatar", None),
        (alice, "DELETE", "/v1/me/avatar", None),
        (alice, "POST", "/v1/conversations", {"kind": "CONVERSATION_KIND_DIRECT", "member_ids": [bob.user_id]}),
        (alice, "GET", "/v1/conversations?page_size=2", None),
        (alice, "GET", conversation, None),
        (alice, "PATCH", conversation, {"name": "新文檔"}),
        (alice, "GET", f"{conversation}/members", None),
        (alice, "POST", f"{conversation}/members", {"user_ids": [company.person(103).user_id]}),
        (alice, "DELETE", f"{conversation}/members/{company.person(103).user_id}", None),
        (alice, "POST", f"{conversation}/messages", {"text": {"body": "two"}}),
        (alice, "GET", f"{conversation}/messages?after_seq=1", None),
        (bob, "POST", f"{conversation}:markRead", {"seq": "2"}),
        (alice, "GET", f"{conversation}/messages/2/receipts", None),
    ]
    called = set()
    for person, method, path, body in calls:
        if isinstance(body, bytes):
            person.call(method, path, data=body, headers={"Content-Type": "image/png"})
        elif method == "GET" and path.endswith("/avatar"):
            assert person.request(method, path).content == PNG
        else:
            person.call(method, path, body)
        called.add(contract.find(method, path)["operationId"])
    assert called == contract.operation_ids()


def test_document_is_well_formed(contract):
    document = contract.document
    assert document["openapi"].startswith("3.1.")
    for verb, path, _, operation in contract.operations:
        where = f"{verb} {path}"
        assert operation["operationId"] and operation["tags"] and operation["description"], where
        assert set(re.findall(r"{(\w+)}", path)) == {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}, where
        assert {"200", "400", "429", "500", "503"} <= set(operation["responses"]), where
        if operation["security"]:
            assert {"401", "403"} <= set(operation["responses"]), where
        for status, answer in operation["responses"].items():
            if int(status) in (429, 503):
                assert "Retry-After" in answer["headers"], where


@pytest.mark.once("the gateway's door is the same in every mode")
def test_schemathesis_finds_no_fault(system, company, tmp_path, capfd):
    """Generated requests, valid and not: no 5xx, no undocumented status, no answer that does not fit its schema."""
    person = company.fresh(110)
    group = person.group("模糊", company.person(111))
    person.send(group, "one")
    # Operations that end the session would make the rest of the run a test of 401; they are fuzzed in the second run, without a token.
    config = tmp_path / "schemathesis.toml"
    config.write_text(f"""
[generation]
allow-x00 = true
[[operations]]
include-path-regex = "conversation_id"
parameters = {{ "path.conversation_id" = "{group['id']}" }}
""")
    common = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{system.url}/openapi.json",
              "--seed", str(FUZZ_SEED), "--max-examples", str(FUZZ_EXAMPLES), "--phases", "examples,coverage,fuzzing",
              "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
              "response_headers_conformance,ignored_auth", "--request-timeout", "20", "--generation-database", "none", "--no-color",
              "--suppress-health-check", "all"]
    runs = [["--header", f"Authorization: Bearer {person.tokens['access_token']}", "--exclude-operation-id", "signOut"],
            ["--include-operation-id", "signOut", "--include-operation-id", "signIn", "--include-operation-id", "getMe"]]
    for run in runs:
        done = subprocess.run(common + run, capture_output=True, text=True, timeout=FUZZ_TIMEOUT_S, cwd=tmp_path)
        with capfd.disabled():
            print(f"\nschemathesis, seed {FUZZ_SEED}: " + " ".join(line.strip() for line in done.stdout.splitlines()[-12:] if line.strip()))
        assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    assert requests.get(f"{system.url}/readyz", timeout=5).status_code == 200
    assert Api(system.url).sign_in(company.identifier(112), PASSWORD).get("/v1/me")
