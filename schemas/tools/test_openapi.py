#!/usr/bin/python3
"""Tests of openapi.py, on the project's own schemas. Run: python3 -m unittest discover -s schemas/tools"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parent
SCHEMAS = TOOLS.parent


def generate(folder, extra=()):
    out = pathlib.Path(folder)
    files = sorted(str(p) for p in SCHEMAS.glob("kongsi/**/*.proto"))
    subprocess.run(
        ["protoc", f"-I{SCHEMAS}", "--include_imports", "--include_source_info", f"--descriptor_set_out={out / 'k.desc'}", *files],
        check=True,
    )
    command = [sys.executable, str(TOOLS / "openapi.py"), str(out / "k.desc"), str(out / "openapi.json"), "--version", "1.2.3"]
    return subprocess.run([*command, *extra], capture_output=True, text=True)


class OpenApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            done = generate(folder)
            assert done.returncode == 0, done.stderr
            cls.document = json.loads((pathlib.Path(folder) / "openapi.json").read_text(encoding="utf-8"))
        cls.operations = {
            operation["operationId"]: (path, verb, operation)
            for path, item in cls.document["paths"].items()
            for verb, operation in item.items()
        }

    def body(self, operation_id):
        ref = self.operations[operation_id][2]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        return self.document["components"]["schemas"][ref.split("/")[-1]]

    def test_every_reference_leads_somewhere(self):
        for ref in re.findall(r'"\$ref": "([^"]+)"', json.dumps(self.document)):
            with self.subTest(ref):
                place = self.document
                for part in ref[2:].split("/"):
                    place = place[part]

    def test_service_methods_are_left_out(self):
        for name in ("createOrganization", "setUserRole", "listMemberships", "readEvents"):
            self.assertNotIn(name, self.operations)

    def test_version_and_title(self):
        self.assertEqual(self.document["info"]["version"], "1.2.3")
        self.assertEqual(self.document["openapi"], "3.1.0")

    def test_path_fields_are_parameters_and_not_in_the_body(self):
        path, verb, operation = self.operations["markRead"]
        self.assertEqual((path, verb), ("/v1/conversations/{conversation_id}:markRead", "post"))
        self.assertEqual([(p["name"], p["in"]) for p in operation["parameters"]], [("conversation_id", "path")])
        self.assertEqual(list(self.body("markRead")["properties"]), ["seq"])

    def test_limits(self):
        body = self.body("signIn")
        self.assertEqual(body["required"], ["identifier", "password"])
        self.assertEqual(body["properties"]["identifier"]["maxLength"], 254)
        self.assertEqual(body["properties"]["identifier"]["minLength"], 1)
        self.assertFalse(body["additionalProperties"])
        members = self.body("createConversation")["properties"]["member_ids"]
        self.assertEqual((members["minItems"], members["maxItems"], members["items"]["format"]), (1, 500, "uuid"))
        self.assertEqual(self.body("importDirectory")["properties"]["departments_csv"]["maxLength"], 5592408)
        query = {p["name"]: p["schema"] for p in self.operations["listMessages"][2]["parameters"] if p["in"] == "query"}
        self.assertEqual((query["page_size"]["minimum"], query["page_size"]["maximum"]), (0, 200))
        self.assertTrue(re.fullmatch(query["after_seq"]["pattern"], "0"))
        self.assertFalse(re.fullmatch(query["after_seq"]["pattern"], "-1"))
        seq = self.body("markRead")["properties"]["seq"]
        self.assertEqual(seq["type"], "string")
        self.assertFalse(re.fullmatch(seq["pattern"], "0"))

    def test_enums_of_requests_have_no_unspecified(self):
        kind = self.body("createConversation")["properties"]["kind"]
        self.assertEqual(kind["enum"], ["CONVERSATION_KIND_DIRECT", "CONVERSATION_KIND_GROUP"])

    def test_request_id_may_come_as_header(self):
        for name, (_, _, operation) in self.operations.items():
            headers = [p["name"] for p in operation.get("parameters", []) if p["name"] == "Idempotency-Key"]
            with self.subTest(name):
                self.assertEqual(len(headers), int(name in {
                    "createConversation", "updateConversation", "addMembers", "sendMessage", "createDepartment"}))
        self.assertIn("request_id", self.body("sendMessage")["properties"])
        self.assertNotIn("request_id", self.body("sendMessage")["required"])

    def test_security(self):
        self.assertEqual(self.operations["signIn"][2]["security"], [])
        self.assertEqual(self.operations["getMe"][2]["security"], [{"bearerAuth": []}])
        self.assertEqual(self.operations["getMe"][2]["x-kongsi-permission"], "identity.self")

    def test_statuses_come_from_the_reasons(self):
        send = self.operations["sendMessage"][2]["responses"]
        self.assertEqual(
            list(send),
            ["200", "400", "401", "403", "404", "408", "409", "413", "414", "415", "429", "431", "500", "503", "504", "507"],
        )
        self.assertIn("CONVERSATION_NOT_FOUND", send["404"]["x-kongsi-reasons"])
        self.assertIn("CONTENT_MISSING", send["400"]["x-kongsi-reasons"])
        keys = self.operations["getJwks"][2]["responses"]
        self.assertEqual(list(keys), ["200", "400", "414", "429", "431", "500", "503", "504"])
        add = self.operations["addMembers"][2]["responses"]
        self.assertIn("USER_NOT_FOUND", add["400"]["x-kongsi-reasons"], "messaging's own reason of that name")

    def test_raw_routes(self):
        avatar = self.operations["putMyAvatar"][2]
        self.assertIn("415", avatar["responses"])
        self.assertIn("AVATAR_INVALID", avatar["responses"]["400"]["x-kongsi-reasons"])
        self.assertEqual(avatar["security"], [{"bearerAuth": []}])
        self.assertIn("304", self.operations["getUserAvatar"][2]["responses"])

    def test_comments_become_descriptions(self):
        self.assertIn("last_seq", self.document["components"]["schemas"]["Conversation"]["properties"])
        self.assertTrue(self.operations["signIn"][2]["description"].startswith("Signs in with a password."))
        self.assertEqual(self.body("signIn")["properties"]["identifier"]["description"],
                         "work e-mail, mobile, or external_id")

    def test_unknown_reason_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            raw = pathlib.Path(folder) / "raw.json"
            raw.write_text(json.dumps({"paths": {"/x": {"get": {
                "operationId": "x", "x-kongsi-permission": None, "x-kongsi-errors": ["NO_SUCH_REASON"], "responses": {}}}}}))
            done = generate(folder, ["--raw", str(raw)])
        self.assertEqual(done.returncode, 1)
        self.assertIn("NO_SUCH_REASON", done.stderr)


if __name__ == "__main__":
    unittest.main()
