"""HTTP/1.1 as far as it is spoken here: requests with a Content-Length, answers on connections that are kept."""

import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

HEAD_BYTES = 64 << 10
BODY_BYTES = 1 << 20
_CHUNK_BYTES = 64 << 10
_REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found"}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class NotHttp(ValueError):
    """The bytes are no request that we understand."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. Header names are in lower case; `target` is path and query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """Without the query."""
        return unquote(self.target.partition("?")[0])

    @property
    def line(self) -> str:
        """Such as "POST /v1/refunds?x=1": what faults and permissions are matched with."""
        return f"{self.method} {self.target}"

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Of the query for a GET, of the form for a POST, in their order."""
        raw = self.body.decode(errors="replace") if self.method == "POST" else self.target.partition("?")[2]
        return parse_qsl(raw, keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `drip_s`: spread over so many seconds. `missing_bytes`: promised by Content-Length and never sent."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    drip_s: float = 0.0
    missing_bytes: int = 0

    @property
    def raw(self) -> bytes:
        """The bytes of it."""
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Answer')}",
            "server: nginx",
            f"content-type: {self.content_type}",
            f"content-length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        body = self.body[: max(0, len(self.body) - self.missing_bytes)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def requests(connection: socket.socket) -> Iterator[Request]:
    """The requests that come in until the other side is done. Raises NotHttp or OSError."""
    buffer = b""
    while True:
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            if len(buffer) > HEAD_BYTES:
                raise NotHttp("the head is too long")
            data = connection.recv(_CHUNK_BYTES)
            if not data:
                return
            buffer += data
        method, target, headers = _head(buffer[:end])
        buffer = buffer[end + 4 :]
        length = _body_length(headers)
        while len(buffer) < length:
            data = connection.recv(_CHUNK_BYTES)
            if not data:
                return  # whoever asked is gone in the middle: nothing was asked
            buffer += data
        yield Request(method, target, headers, buffer[:length])
        buffer = buffer[length:]


def reset(connection: socket.socket) -> None:
    """Cut the line so that the other side gets a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def _head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise NotHttp(f"no request line: {first[:100]!r}")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise NotHttp("a header without a colon")
        headers[name.strip().lower()] = value.strip()
    return parts[0], parts[1], headers


def _body_length(headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise NotHttp("only bodies with a Content-Length")
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()) or int(text) > BODY_BYTES:
        raise NotHttp("no such Content-Length")
    return int(text)
