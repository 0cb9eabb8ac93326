import contextlib

import pytest

from tests.lib.client import Api, ApiError, Socket
from tests.lib.system import PASSWORD, System

# Reasons that tell of a fault of ours: none may stand in a log after the tests.
FAULT_LEVELS = {"error"}


@pytest.fixture(scope="session")
def system():
    """One Kongsi for the whole run, with the example company and a second one beside it."""
    running = System()
    try:
        running.start()
        running.import_company("harbour-retail", "Harbour Retail Limited")
        running.import_company("other-retail", "Other Retail Limited", prefix="other")
        yield running
    finally:
        faults = [line["message"] for program in running.programs.values() for line in program.log_lines()
                  if line.get("level") in FAULT_LEVELS]
        bad = running.stop()
    assert bad == []
    assert faults == []


class Company:
    """The people of the example company, signed in when first asked for."""

    def __init__(self, system, domain, slug):
        self.system, self.domain, self.slug, self.signed_in = system, domain, slug, {}

    def person(self, number):
        if number not in self.signed_in:
            self.signed_in[number] = self.fresh(number)
        return self.signed_in[number]

    def fresh(self, number):
        return Api(self.system.url).sign_in(f"hr{number:05d}@{self.domain}", PASSWORD)

    def people(self, *numbers):
        return [self.person(number) for number in numbers]


@pytest.fixture(scope="session")
def company(system):
    return Company(system, "example.hk.example", "harbour-retail")


@pytest.fixture(scope="session")
def other_company(system):
    return Company(system, "other.example", "other-retail")


@pytest.fixture
def anyone(system):
    """REST without tokens."""
    return Api(system.url)


@pytest.fixture
def open_socket(system):
    """Opens sockets that are closed after the test: open_socket(person, resume=…)."""
    opened = []

    def open_one(person=None, resume=(), **options):
        socket = Socket(system.socket_url, **options)
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
