"""HTTP written by hand, for requests that no client library would send."""
import socket

ANSWER_TIMEOUT_S = 10


class RawAnswer:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if lines[0].startswith("HTTP/") else None
        self.headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}


def exchange(url, data):
    """Sends bytes as they are; the answer, read until the server closes or its Content-Length is here."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=ANSWER_TIMEOUT_S) as connection:
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was sent; the answer is there to be read
        received = b""
        while True:
            try:
                piece = connection.recv(65536)
            except ConnectionResetError:
                break
            received += piece
            answer = RawAnswer(received)
            length = answer.headers.get("content-length") if b"\r\n\r\n" in received else None
            if not piece or (length is not None and len(answer.body) >= int(length)):
                break
    return RawAnswer(received)


def request(url, method, target, headers=(), body=b""):
    """One request with Host and Connection: close; headers as pairs, in order."""
    host = url.removeprefix("http://")
    lines = [f"{method} {target} HTTP/1.1".encode("latin-1"), f"Host: {host}".encode(), b"Connection: close"]
    lines += [f"{name}: {value}".encode("latin-1") for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}".encode())
    return exchange(url, b"\r\n".join(lines) + b"\r\n\r\n" + body)
