import contextlib
import os
import signal

import pytest

from tests.lib import client
from tests.lib.client import Api, ApiError, Socket
from tests.lib.contract import Contract
from tests.lib.system import PASSWORD, System

MODE = os.environ.get("KONGSI_MODE", "single")
EVENTS = os.environ.get("KONGSI_EVENTS", "embedded")


def pytest_configure(config):
    # Told to end, a run still stops the systems it started.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("SIGTERM", 128 + signal.SIGTERM))
    config.addinivalue_line("markers", "once(why): the same in every mode and over every transport; runs in single/embedded only")
    config.addinivalue_line("markers", "only(mode=…, events=…): makes sense in this mode or over this transport only")


def pytest_collection_modifyitems(items):
    for item in items:
        once = item.get_closest_marker("once")
        if once and (MODE, EVENTS) != ("single", "embedded"):
            item.add_marker(pytest.mark.skip(reason=f"runs in single/embedded only: {once.args[0]}"))
        only = item.get_closest_marker("only")
        for name, wanted in (only.kwargs if only else {}).items():
            if wanted != {"mode": MODE, "events": EVENTS}[name]:
                item.add_marker(pytest.mark.skip(reason=f"needs {name}={wanted}"))


def end(running):
    """Stops a system; every program must have ended with 0 and logged no fault."""
    faults = running.faults()
    bad = running.stop()
    assert bad == []
    assert faults == []


@contextlib.contextmanager
def running_system(**options):
    running = System(**options)
    try:
        running.start()
        yield running
    finally:
        end(running)


@pytest.fixture(scope="session")
def system():
    """One Kongsi for the whole run, with the example company and a second one beside it."""
    with running_system() as running:
        running.import_company("harbour-retail", "Harbour Retail Limited")
        running.import_company("other-retail", "Other Retail Limited", prefix="other")
        yield running


@pytest.fixture(scope="session", autouse=True)
def contract(system):
    """Every REST answer any test gets from the system is held against /openapi.json."""
    held = Contract(system.url)

    def observe(method, path, answer):
        held.check(method, path, answer)

    client.observers.append(observe)
    yield held
    client.observers.remove(observe)


@pytest.fixture(scope="session")
def fragile():
    """A Kongsi of its own for tests that kill its parts."""
    with running_system() as running:
        running.broken_reasons = {"UNAVAILABLE", "WRITE_UNCERTAIN", "DEADLINE_EXCEEDED"}
        running.import_company("harbour-retail", "Harbour Retail Limited")
        yield running


class Company:
    """The people of the example company, signed in when first asked for."""

    def __init__(self, system, domain, slug):
        self.system, self.domain, self.slug, self.signed_in = system, domain, slug, {}

    def person(self, number):
        if number not in self.signed_in:
            self.signed_in[number] = self.fresh(number)
        return self.signed_in[number]

    def identifier(self, number):
        return f"hr{number:05d}@{self.domain}"

    def fresh(self, number):
        # by number, which everybody has; HR00041, HR00121 and HR00301 have left
        return Api(self.system.url).sign_in(f"HR{number:05d}", PASSWORD, self.slug)

    def people(self, *numbers):
        return [self.person(number) for number in numbers]


@pytest.fixture(scope="session")
def company(system):
    return Company(system, "example.hk.example", "harbour-retail")


@pytest.fixture(scope="session")
def other_company(system):
    return Company(system, "other.example", "other-retail")


@pytest.fixture(scope="session")
def fragile_company(fragile):
    return Company(fragile, "example.hk.example", "harbour-retail")


@pytest.fixture
def fragile_people(fragile_company):
    return fragile_company.people(1, 2)


@pytest.fixture
def anyone(system):
    """REST without tokens."""
    return Api(system.url)


@pytest.fixture
def open_socket(system):
    """Opens sockets that are closed after the test: open_socket(person, resume=…, frames=ProtoFrames)."""
    opened = []

    def open_one(person=None, resume=(), url=system.socket_url, **options):
        socket = Socket(url, **options)
        opened.append(socket)
        return socket.sign_in(person, resume) if person else socket

    yield open_one
    for socket in opened:
        socket.close()


@contextlib.contextmanager
def raises_reason(reason, http_status=None):
    with pytest.raises(ApiError) as caught:
        yield caught
    assert caught.value.reason == reason, str(caught.value)
    if http_status:
        assert caught.value.http_status == http_status


@pytest.fixture
def refused():
    """with refused("CONVERSATION_NOT_FOUND", 404): …"""
    return raises_reason
