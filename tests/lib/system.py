"""A whole Kongsi on loopback for tests: PostgreSQL, the programs in one of the two modes, Kafka when asked.

KONGSI_MODE=single|services and KONGSI_EVENTS=embedded|kafka choose; KONGSI_BUILD names the build folder. Everything lives in one
temporary folder and ends with the object.
"""
import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import psycopg2
import requests
import yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/harbour-retail"
PASSWORD = "harbour-2026"
READY_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30
SERVICES = ["identity", "messaging", "realtime", "gateway"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """One of our processes; started again under the same name after a kill."""

    def __init__(self, system, name):
        self.system, self.name, self.process = system, name, None
        self.log_path = system.dir / f"{name}.log"

    def start(self):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen([str(self.system.build / self.name), "--config", str(self.system.config_path)],
                                        stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT_S)

    def stop(self):
        """SIGTERM; the exit status, which must be 0 within the drain time."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.name} did not end within {STOP_TIMEOUT_S} s of SIGTERM") from None
        return self.process.returncode

    def log_lines(self):
        lines = []
        if not self.log_path.exists():
            return lines
        for line in self.log_path.read_text(errors="replace").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"level": "error", "message": line})
        return lines


class Broker:
    """The Kafka broker of a system."""

    def __init__(self, system):
        self.system, self.dir = system, str(system.dir / "kafka")
        self.address, self.pid = None, None

    def start(self):
        """Also after a kill: the same port, the data as they were."""
        line = self.system.script("dev-kafka", "start", self.dir, self.address.rsplit(":", 1)[1] if self.address else "0")
        answer = dict(part.split("=", 1) for part in line.split())
        self.address, self.pid = answer["brokers"], int(answer["pid"])

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self._listens():  # its threads end one by one
            assert time.monotonic() < deadline, "the broker survived SIGKILL"
            time.sleep(0.01)

    def _listens(self):
        host, port = self.address.split(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return True
        except OSError:
            return os.path.exists(f"/proc/{self.pid}") and not self._is_zombie()

    def remove(self):
        self.system.script("dev-kafka", "remove", self.dir)

    def _is_zombie(self):
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


class System:
    """`settings` is merged into the configuration, by section: {"gateway": {"rate_sign_in_per_minute": 5}}."""

    def __init__(self, mode=None, events=None, settings=None):
        self.mode = mode or os.environ.get("KONGSI_MODE", "single")
        self.events = events or os.environ.get("KONGSI_EVENTS", "embedded")
        self.build = Path(os.environ.get("KONGSI_BUILD", ROOT / "build"))
        self.settings, self.broken_reasons = settings or {}, set()
        self.dir = Path(tempfile.mkdtemp(prefix="kongsi-test-"))
        self.dir.chmod(0o755)  # PostgreSQL runs as another user when the tests run as root
        self.config_path = self.dir / "kongsi.yaml"
        self.programs, self.postgres, self.broker = {}, {}, None
        self.ports = {name: free_port() for name in SERVICES}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def socket_url(self):
        return f"ws://127.0.0.1:{self.ports['realtime']}/v1/realtime"

    def start(self):
        self._start_postgres()
        if self.events == "kafka":
            self.broker = Broker(self)
            self.broker.start()
        self._write_config()
        names = ["kongsi"] if self.mode == "single" else [f"kongsi-{name}" for name in SERVICES]
        self.programs = {name: Program(self, name) for name in names}
        for program in self.programs.values():
            program.start()
        self.wait_ready()

    def stop(self):
        """Stops all; the names of programs that did not end with 0."""
        bad = [f"{p.name}: exit status {status}" for p in reversed(list(self.programs.values()))
               if p.process and (status := p.stop()) != 0]
        if self.broker:
            self.broker.remove()
        if self.postgres:
            self.script("dev-postgres", "remove", str(self.dir / "postgres"))
        if not os.environ.get("KONGSI_TEST_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
        return bad

    def kill_all(self):
        for program in self.programs.values():
            program.kill()

    def start_again(self):
        """Starts what was killed or stopped."""
        for program in self.programs.values():
            if program.process.poll() is not None:
                program.start()
        self.wait_ready()

    def program_of(self, service):
        """The process that runs a service."""
        return self.programs.get(f"kongsi-{service}") or self.programs["kongsi"]

    def query(self, service, statement, *values):
        """Rows of a service's database, past its row-level security."""
        password = Path(self.postgres["superuser_password_file"]).read_text().strip()
        with contextlib.closing(psycopg2.connect(
                host=self.postgres["host"], port=self.postgres["port"], user=self.postgres["superuser"], password=password,
                dbname=f"kongsi_{service}")) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def metrics(self, service):
        """The process's metrics: {'name{labels}': value}."""
        lines = requests.get(f"http://127.0.0.1:{self.metrics_port(service)}/metrics", timeout=10).text.splitlines()
        return {name: float(value) for name, _, value in
                (line.rpartition(" ") for line in lines if line and not line.startswith("#"))}

    def metrics_port(self, service):
        return self.ports[service if self.mode == "services" else "gateway"]

    def faults(self):
        """What the programs logged as errors: faults of ours, never a client's. Reasons in `broken_reasons` are those of parts that the
        test itself broke."""
        lines = [(program.name, line) for program in self.programs.values() for line in program.log_lines()]
        return sorted({f"{name}: {line.get('message')}: {line.get('reason')}: {line.get('error')}" for name, line in lines
                       if line.get("level") == "error" and line.get("reason") not in self.broken_reasons})

    def wait_ready(self, timeout_s=READY_TIMEOUT_S):
        urls = [f"{self.url}/readyz"]
        if self.mode == "services":
            urls = [f"http://127.0.0.1:{port}/readyz" for port in self.ports.values()]
        deadline = time.monotonic() + timeout_s
        for url in urls:
            while True:
                for program in self.programs.values():
                    if program.process.poll() is not None:
                        raise AssertionError(f"{program.name} ended with {program.process.returncode}: "
                                             f"{program.log_path.read_text(errors='replace')[-2000:]}")
                try:
                    if requests.get(url, timeout=2).status_code == 200:
                        break
                except requests.RequestException:
                    pass
                if time.monotonic() > deadline:
                    raise AssertionError(f"{url} was not ready within {timeout_s} s; see {self.dir}")
                time.sleep(0.05)

    def call(self, method, request):
        """`kongsi call`: an operator's call."""
        done = subprocess.run([str(self.build / "kongsi"), "--config", str(self.config_path), "call", method],
                              input=json.dumps(request), capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"kongsi call {method}: {done.stderr}")
        return json.loads(done.stdout)

    def import_company(self, slug, name, administrator="HR00001", folder=EXAMPLE, prefix=None):
        """Imports the example company under a slug. `prefix` makes its addresses others', so that two copies can live together."""
        service = "kongsi.identity.v1.IdentityService"
        self.call(f"{service}/CreateOrganization", {"request_id": str(uuid.uuid4()), "slug": slug, "name": name})
        staff = (folder / "staff.csv").read_bytes()
        if prefix:
            staff = staff.replace(b"@example.hk.example", b"@" + prefix.encode() + b".example").replace(b"+852 0", b"+852 9")
        report = self.call(f"{service}/ImportOrganizationDirectory", {
            "organization": slug,
            "departments_csv": base64.b64encode((folder / "departments.csv").read_bytes()).decode(),
            "staff_csv": base64.b64encode(staff).decode()})
        assert report["applied"] is True, report
        self.call(f"{service}/SetUserRole",
                  {"organization": slug, "external_id": administrator, "role": "USER_ROLE_ADMINISTRATOR"})
        return report

    def script(self, name, *arguments):
        done = subprocess.run([str(ROOT / "scripts" / name), *arguments], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise AssertionError(f"scripts/{name} {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""

    def _start_postgres(self):
        line = self.script("dev-postgres", "start", "--fast", str(self.dir / "postgres"), "0")
        self.postgres = dict(part.split("=", 1) for part in line.split())

    def _secrets(self):
        secrets = self.dir / "secrets"
        secrets.mkdir(mode=0o700)
        (secrets / "service_key").write_text(os.urandom(32).hex())
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                        str(secrets / "signing_key.pem")], check=True, capture_output=True)
        (self.dir / "avatars").mkdir()
        return secrets

    def _write_config(self):
        secrets = self._secrets()
        local = "http://127.0.0.1"
        config = {
            "log": {"level": "info"},
            "database": {"host": self.postgres["host"], "port": int(self.postgres["port"]), "pool_size": 8,
                         **{key: self.postgres[key] for key in
                            ("owner_user", "owner_password_file", "app_user", "app_password_file")}},
            "rpc": {"service_key_file": str(secrets / "service_key")},
            "bus": {"transport": self.events, "kafka_brokers": self.broker.address if self.broker else ""},
            "gateway": {"port": self.ports["gateway"], "web_root": str(ROOT / "web/dist"),
                        "realtime_port": self.ports["realtime"], "rate_general_per_minute": 60000,
                        "rate_sign_in_per_minute": 6000, "rate_send_per_minute": 60000, "rate_import_per_minute": 6000},
            "realtime": {"port": self.ports["realtime"], "allowed_origins": [self.url]},
            "identity": {"port": self.ports["identity"], "signing_key_file": str(secrets / "signing_key.pem"),
                         "development_password": PASSWORD, "avatar_dir": str(self.dir / "avatars")},
            "messaging": {"port": self.ports["messaging"]},
        }
        if self.mode == "services":
            config["rpc"]["peers"] = {n: f"{local}:{self.ports[n]}" for n in ("identity", "messaging")}
        for section, values in self.settings.items():
            config.setdefault(section, {}).update(values)
        if self.url not in config["realtime"]["allowed_origins"]:
            config["realtime"]["allowed_origins"] = [self.url, *config["realtime"]["allowed_origins"]]
        self.config_path.write_text(yaml.safe_dump(config))
