"""/openapi.json tells the truth: every operation is called, and a fuzzer finds nothing undocumented."""
import base64
import os
import re
import subprocess
import sys
import uuid

import pytest
import requests

from tests.conftest import Company
from tests.lib.system import EXAMPLE, PASSWORD, ROOT

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
FUZZ_SEED = int(os.environ.get("KONGSI_FUZZ_SEED", "20260201"))
FUZZ_EXAMPLES = int(os.environ.get("KONGSI_FUZZ_EXAMPLES", "25"))
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


CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "unsupported_method", "ignored_auth"]
# What proto3 JSON takes beyond the document (null and "" for a field that is left out) makes negative_data_rejection no use here;
# TRACE is refused before anything is routed, with 400.
UNDECLARED_METHODS = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"]


@pytest.fixture(scope="module")
def fuzzed(system):
    """An administrator of a company of her own, whose data a fuzzer may spoil."""
    system.import_company("fuzz-retail", "Fuzz Retail Limited", prefix="fuzz")
    fuzzed = Company(system, "fuzz.example", "fuzz-retail")
    person, other = fuzzed.person(1), fuzzed.person(2)
    group = person.group("模糊", other)
    for number in range(3):
        person.send(group, str(number))
    department = person.get("/v1/departments")["departments"][0]
    return person, {"conversation_id": group["id"], "user_id": other.user_id, "department_id": department["id"], "seq": "1"}


def fuzz_config(contract, ids):
    """With ids of things that exist: schemathesis alone would only ever meet 404."""
    lines = ["[generation]", "allow-x00 = true", "[phases.coverage]", f"unexpected-methods = {UNDECLARED_METHODS}"]
    for _, path, _, operation in contract.operations:
        known = {name: ids[name] for name in re.findall(r"{(\w+)}", path) if name in ids}
        if known:
            lines += ["[[operations]]", f'include-operation-id = "{operation["operationId"]}"', "[operations.parameters]"]
            lines += [f'"path.{name}" = "{value}"' for name, value in known.items()]
    return "\n".join(lines) + "\n"


@pytest.mark.once("the gateway's door is the same in every mode")
@pytest.mark.parametrize("known_ids", [True, False], ids=["ids-that-exist", "any-ids"])
def test_schemathesis_finds_no_fault(system, contract, fuzzed, tmp_path, capfd, known_ids):
    """Generated requests, valid and not: no 5xx, no undocumented status, no answer that does not fit, no method nobody declared."""
    person, ids = fuzzed
    config = tmp_path / "schemathesis.toml"
    config.write_text(fuzz_config(contract, ids if known_ids else {}))
    # signOut would make all that follows a test of 401
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{system.url}/openapi.json",
               "--seed", str(FUZZ_SEED), "--max-examples", str(FUZZ_EXAMPLES), "--phases", "examples,coverage,fuzzing",
               "--checks", ",".join(CHECKS), "--request-timeout", "20", "--generation-database", "none", "--no-color",
               "--suppress-health-check", "all"]
    command += ["--header", f"Authorization: Bearer {person.tokens['access_token']}", "--exclude-operation-id", "signOut"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=FUZZ_TIMEOUT_S, cwd=tmp_path)
    with capfd.disabled():
        summary = done.stdout[done.stdout.rfind("SUMMARY"):] if "SUMMARY" in done.stdout else done.stdout[-1000:]
        print(f"\nschemathesis, seed {FUZZ_SEED}:\n{summary}")
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    assert requests.get(f"{system.url}/readyz", timeout=5).status_code == 200
    assert person.get("/v1/me")
