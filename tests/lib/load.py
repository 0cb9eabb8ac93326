"""Messages sent for as long as a test likes, through whatever it breaks meanwhile."""
import threading
import time
import uuid

import requests

from tests.lib.client import ApiError

TRY_AGAIN_S = 0.05
PACE_S = 0.01  # between two messages of a sender


def wait_until(condition, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class Sender(threading.Thread):
    """Sends one message after the other until told to stop; each until it is acknowledged, with one request_id."""

    def __init__(self, person, conversation):
        super().__init__(daemon=True)
        self.person, self.conversation = person.twin(), conversation
        self.acknowledged, self.refusals, self.failure = {}, [], None
        self.stopping = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                request_id = str(uuid.uuid4())
                self.acknowledged[request_id] = self.send(request_id)
                time.sleep(PACE_S)
        except Exception as failure:  # shown by finish()
            self.failure = failure

    def send(self, request_id):
        while True:
            try:
                return self.person.send(self.conversation, "acknowledged or not at all", request_id)
            except requests.RequestException:
                self.person = self.person.twin()
            except ApiError as error:
                if error.http_status not in (503, 504):
                    raise
                self.refusals.append(error)
            time.sleep(TRY_AGAIN_S)

    def finish(self):
        self.stopping.set()
        self.join(60)
        assert not self.is_alive() and self.failure is None, self.failure
        return self.acknowledged


def all_messages(person, conversation):
    messages, after = [], 0
    while True:
        page = person.get(f"/v1/conversations/{conversation['id']}/messages", after_seq=after, forward="true", page_size=200)
        messages += page["messages"]
        if not page["has_more"]:
            return messages
        after = int(messages[-1]["seq"])


def wait_until(condition, timeout_s=30):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def check_nothing_lost(person, conversation, senders):
    """Every acknowledged message is there, once, as it was acknowledged, and seq has no gap."""
    acknowledged = {}
    for sender in senders:
        acknowledged.update(sender.finish())
    messages = all_messages(person, conversation)
    assert [int(m["seq"]) for m in messages] == list(range(1, len(messages) + 1))
    by_request = {m["request_id"]: m for m in messages}
    assert len(by_request) == len(messages)
    for request_id, message in acknowledged.items():
        assert by_request[request_id] == message
    return messages
