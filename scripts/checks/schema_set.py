"""The schemas as descriptors with our options understood, with protoc and Debian's python3-protobuf, as the build reads them."""
import subprocess
import sys
import tempfile
from pathlib import Path

from common import ROOT

sys.path.insert(0, str(ROOT / "schemas" / "tools"))
from gen_c import load_set  # noqa: E402

STATUS_OF_CODE = {3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503, 16: 401}


class Schemas:
    def __init__(self):
        folder = ROOT / "schemas"
        protos = [str(p.relative_to(folder)) for p in sorted(folder.glob("kongsi/**/*.proto"))]
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary, "set.pb")
            subprocess.run(["protoc", f"-I{folder}", "-I/usr/include", "--include_imports", "--include_source_info",
                            f"--descriptor_set_out={path}", *protos], check=True)
            self.files, self.ext = load_set(path)
        self.files = [f for f in self.files.file if f.package.startswith("kongsi.")]

    def comment(self, file, *path):
        """The comment above an element, as one line."""
        for location in file.source_code_info.location:
            if list(location.path) == list(path):
                return " ".join(location.leading_comments.split())
        return ""

    def reasons(self):
        """(domain, reason, code, meaning) of every error reason."""
        for file in self.files:
            for enum in (e for e in file.enum_type if e.name == "ErrorReason"):
                component = file.package.split(".")[1]
                for value in (v for v in enum.value if v.number):
                    rules = value.options.Extensions[self.ext["reason"]]
                    domain = "kongsi" if component == "v1" else f"{component}.kongsi"
                    yield domain, value.name.removeprefix("ERROR_REASON_"), rules.code, rules.meaning

    def methods(self):
        """(service, method, rules, HTTP rule or None, comment)."""
        for file in self.files:
            for s, service in enumerate(file.service):
                for m, method in enumerate(service.method):
                    http = method.options.Extensions[self.ext["http"]]
                    rules = method.options.Extensions[self.ext["method"]]
                    yield (f"{file.package}.{service.name}", method.name, rules, http if http.WhichOneof("pattern") else None,
                           self.comment(file, 6, s, 2, m))

    def events(self):
        """(topic, type, message's full name, comment, fields)."""
        for file in self.files:
            for i, message in enumerate(file.message_type):
                if message.options.HasExtension(self.ext["event"]):
                    rules = message.options.Extensions[self.ext["event"]]
                    yield (rules.topic, rules.type, f"{file.package}.{message.name}", self.comment(file, 4, i),
                           [field.name for field in message.field])
