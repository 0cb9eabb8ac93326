"""Kongsi as a program sees it: REST with requests, the socket with websocket-client. Knows nothing but the published API."""
import json
import socket
import threading
import time
import uuid

import requests
import websocket

from tests.lib import schemas

ANSWER_TIMEOUT_S = 10
ALIVE_INTERVAL_S = 10
ALIVE_ID = "alive"

# Functions (method, path, answer) that see every REST answer: the contract of conftest.py, for one.
observers = []


class ApiError(Exception):
    def __init__(self, http_status, error):
        self.http_status, self.error = http_status, error
        details = (error.get("details") or [{}])[0]
        self.reason, self.domain = details.get("reason"), details.get("domain")
        self.metadata = details.get("metadata", {})
        self.message = error.get("message")
        super().__init__(f"{http_status} {self.reason}: {self.message}")


class Api:
    """REST as one person, or as nobody without tokens."""

    def __init__(self, url):
        self.url, self.http, self.tokens, self.me = url, requests.Session(), None, None

    def request(self, method, path, body=None, params=None, headers=None, data=None):
        headers = dict(headers or {})
        if self.tokens:
            headers.setdefault("Authorization", f"Bearer {self.tokens['access_token']}")
        answer = self.http.request(method, self.url + path, json=body, params=params, headers=headers, data=data,
                                   timeout=ANSWER_TIMEOUT_S)
        for observe in observers:
            observe(method, path, answer)
        return answer

    def call(self, method, path, body=None, **rest):
        answer = self.request(method, path, body, **rest)
        if answer.status_code != 200:
            assert answer.headers["Content-Type"].startswith("application/json"), answer.text[:500]
            error = answer.json()["error"]
            assert error["code"] == answer.status_code
            raise ApiError(answer.status_code, error)
        return answer.json()

    def get(self, path, **params):
        return self.call("GET", path, params=params)

    def post(self, path, body=None, **rest):
        return self.call("POST", path, body if body is not None else {}, **rest)

    def sign_in(self, identifier, password, organization=None):
        body = {"identifier": identifier, "password": password}
        if organization:
            body["organization"] = organization
        self.tokens = self.post("/v1/sessions", body)
        self.me = self.get("/v1/me")["user"]
        return self

    def twin(self):
        """The same person with a connection of its own, for another thread."""
        other = Api(self.url)
        other.tokens, other.me = self.tokens, self.me
        return other

    @property
    def user_id(self):
        return self.me["id"]

    # conversations

    def direct(self, other):
        return self.post("/v1/conversations", {"request_id": str(uuid.uuid4()), "kind": "CONVERSATION_KIND_DIRECT",
                                               "member_ids": [other.user_id]})

    def group(self, name, *others):
        return self.post("/v1/conversations", {"request_id": str(uuid.uuid4()), "kind": "CONVERSATION_KIND_GROUP", "name": name,
                                               "member_ids": [o.user_id for o in others]})

    def send(self, conversation, text, request_id=None):
        return self.post(f"/v1/conversations/{conversation['id']}/messages",
                         {"request_id": request_id or str(uuid.uuid4()), "text": {"body": text}})

    def messages(self, conversation, **params):
        return self.get(f"/v1/conversations/{conversation['id']}/messages", **params)["messages"]

    def texts(self, conversation):
        return [m["text"]["body"] for m in self.messages(conversation, forward="true", page_size=200)]

    def mark_read(self, conversation, seq):
        return self.post(f"/v1/conversations/{conversation['id']}:markRead", {"seq": str(seq)})

    def conversation(self, conversation_id):
        return self.get(f"/v1/conversations/{conversation_id}")

    def receipts(self, conversation, seq):
        return self.get(f"/v1/conversations/{conversation['id']}/messages/{seq}/receipts")


class JsonFrames:
    """kongsi.v1+json: text messages."""
    subprotocol, opcode = "kongsi.v1+json", websocket.ABNF.OPCODE_TEXT

    @staticmethod
    def encode(frame):
        return json.dumps(frame).encode()

    @staticmethod
    def decode(data):
        return json.loads(data)


class ProtoFrames:
    """kongsi.v1+proto: binary messages, shown to the tests as the JSON they stand for."""
    subprotocol, opcode = "kongsi.v1+proto", websocket.ABNF.OPCODE_BINARY

    @staticmethod
    def encode(frame):
        return schemas.encode("kongsi.realtime.v1.ClientFrame", frame)

    @staticmethod
    def decode(data):
        return schemas.decode("kongsi.realtime.v1.ServerFrame", data)


class Socket:
    """A WebSocket; frames are collected by a thread of its own, which also pings now and then, as every client has to."""

    def __init__(self, url, frames=JsonFrames, **options):
        options.setdefault("suppress_origin", "origin" not in options)  # as programs do; browsers send one
        self.codec = frames
        self.ws = websocket.create_connection(url, subprotocols=[frames.subprotocol], timeout=ANSWER_TIMEOUT_S, **options)
        assert self.ws.getsubprotocol() == frames.subprotocol
        self.frames, self.closed, self.changed = [], None, threading.Condition()
        self.next_id = 0
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        self.ws.settimeout(ALIVE_INTERVAL_S)
        code, pinged = None, time.monotonic()
        try:
            while True:
                if time.monotonic() - pinged >= ALIVE_INTERVAL_S:
                    pinged = time.monotonic()
                    self.send_raw(self.codec.encode({"id": ALIVE_ID, "ping": {}}))
                try:
                    opcode, data = self.ws.recv_data()
                except websocket.WebSocketTimeoutException:
                    continue
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005
                    break
                assert opcode == self.codec.opcode
                frame = self.codec.decode(data)
                if frame.get("reply_to") != ALIVE_ID:
                    with self.changed:
                        self.frames.append(frame)
                        self.changed.notify_all()
        except (websocket.WebSocketException, OSError):
            pass
        with self.changed:
            self.closed = code or 1006
            self.changed.notify_all()

    def send(self, **command):
        """Sends a command; returns its id."""
        self.next_id += 1
        frame_id = str(self.next_id)
        self.send_raw(self.codec.encode({"id": frame_id, **command}))
        return frame_id

    def send_raw(self, data, opcode=None):
        self.ws.send(data, self.codec.opcode if opcode is None else opcode)

    def wait(self, matches, timeout_s=ANSWER_TIMEOUT_S):
        """The first frame, old or new, that matches."""
        deadline, seen = time.monotonic() + timeout_s, 0
        with self.changed:
            while True:
                for frame in self.frames[seen:]:
                    if matches(frame):
                        return frame
                seen = len(self.frames)
                left = deadline - time.monotonic()
                if left <= 0 or self.closed:
                    raise AssertionError(f"no such frame (closed: {self.closed}); got the last of {seen}: {self.frames[-20:]}")
                self.changed.wait(left)

    def wait_answer(self, frame_id):
        return self.wait(lambda f: f.get("reply_to") == frame_id)

    def answer(self, **command):
        return self.wait_answer(self.send(**command))

    def wait_push(self, kind, timeout_s=ANSWER_TIMEOUT_S, **fields):
        """The first push of the kind whose body has these fields: wait_push("read_cursor", user_id=…)."""
        frame = self.wait(lambda f: kind in f and not f.get("reply_to")
                          and all(f[kind].get(name) == value for name, value in fields.items()), timeout_s)
        return frame[kind]

    def wait_closed(self, timeout_s=ANSWER_TIMEOUT_S):
        with self.changed:
            self.changed.wait_for(lambda: self.closed, timeout_s)
            assert self.closed, "the socket is still open"
            return self.closed

    def sign_in(self, api, resume=()):
        answer = self.answer(sign_in={"access_token": api.tokens["access_token"], "resume": list(resume)})
        assert "signed_in" in answer, answer
        return self

    def ping(self):
        """A round trip: what the server queued for this socket before it is here afterwards."""
        assert "pong" in self.answer(ping={})

    def pushed(self, conversation):
        """Messages pushed so far, in the order they came."""
        with self.changed:
            return [f["message"] for f in self.frames
                    if "message" in f and f["message"]["conversation_id"] == conversation["id"]]

    def pushed_seqs(self, conversation):
        return [int(message["seq"]) for message in self.pushed(conversation)]

    def wait_message(self, conversation, seq, timeout_s=ANSWER_TIMEOUT_S):
        return self.wait(lambda f: "message" in f and f["message"]["conversation_id"] == conversation["id"]
                         and int(f["message"]["seq"]) == seq, timeout_s)["message"]

    def kill(self):
        """Ends the TCP connection without a word, as a lost network does."""
        self.ws.sock.shutdown(socket.SHUT_RDWR)
        self.wait_closed()

    def close(self):
        try:
            self.ws.close()
        except (websocket.WebSocketException, OSError):
            pass


def resume_from(conversation, seq):
    """The cursor of a client that has the conversation up to seq."""
    return {"conversation_id": conversation["id"], "seq": str(seq)}
