"""Holds every REST answer of the tests against /openapi.json: its status must be documented, its body must fit."""
import re

import jsonschema_rs
import requests

VERBS = ("get", "post", "put", "patch", "delete")


class Contract:
    def __init__(self, url):
        self.document = requests.get(f"{url}/openapi.json", timeout=10).json()
        self.operations, self.validators = [], {}
        for path, item in self.document["paths"].items():
            pattern = re.compile("/".join("[^/]+".join(re.escape(text) for text in re.split(r"{[^}]+}", part))
                                          for part in path.split("/")))
            for verb in VERBS:
                if verb in item:
                    self.operations.append((verb, path, pattern, item[verb]))
        self.operations.sort(key=lambda operation: operation[1].count("{"))  # "/users/me" comes before "/users/{id}"

    def operation_ids(self):
        return {operation["operationId"] for _, _, _, operation in self.operations}

    def find(self, method, path):
        """The operation of a request, or None where the document has none."""
        for verb, _, pattern, operation in self.operations:
            if verb == method.lower() and pattern.fullmatch(path.split("?")[0]):
                return operation
        return None

    def check(self, method, path, answer):
        operation = self.find(method, path)
        if not operation:
            return
        where = f"{method} {path}: {answer.status_code}"
        documented = operation["responses"].get(str(answer.status_code))
        assert documented, f"{where} is not documented: {answer.text[:300]}"
        content = documented.get("content", {})
        if not content:
            assert answer.content == b"", f"{where} is documented without a body"
            return
        media_type = answer.headers.get("Content-Type", "").split(";")[0]
        assert media_type in content, f"{where}: {media_type} is not documented"
        if media_type == "application/json":
            self._check_body(operation, answer, content[media_type]["schema"], where)

    def _check_body(self, operation, answer, schema, where):
        key = operation["operationId"], answer.status_code
        if key not in self.validators:
            whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema,
                     "components": self.document["components"]}
            self.validators[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        for fault in self.validators[key].iter_errors(answer.json()):
            raise AssertionError(f"{where}: {list(fault.instance_path)}: {fault.message}")
        for detail in answer.json().get("error", {}).get("details", []) if answer.status_code >= 400 else []:
            reasons = operation["responses"][str(answer.status_code)].get("x-kongsi-reasons", [])
            assert detail["reason"] in reasons, f"{where}: {detail['reason']} is not documented"
