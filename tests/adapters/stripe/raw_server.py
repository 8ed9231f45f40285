"""A TCP server on loopback that answers with bytes, for what no well-behaved server would do."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

Speech = Callable[[socket.socket], None]


def http(status: int, body: object, /, **headers: str) -> bytes:
    """A whole answer; a `body` that is no bytes becomes JSON. Header names are written with `_` for `-`."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Length: {len(raw)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join((*lines, "", "")).encode() + raw


class RawServer:
    """Gives each request the next of `answers` (the last one again and again): bytes, or what a function says on the connection.

    `requests` are the bytes that came, head and body. Each connection ends behind its answer unless it is to be kept.
    """

    def __init__(self, *answers: bytes | Speech, keeps: bool = False, tls: ssl.SSLContext | None = None) -> None:
        self._answers = list(answers)
        self._keeps = keeps
        self._tls = tls
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.requests: list[bytes] = []
        self.connections = 0

    def __enter__(self) -> Self:
        self._door = socket.create_server(("127.0.0.1", 0))
        scheme = "http" if self._tls is None else "https"
        self.port = self._door.getsockname()[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._start(self._serve)
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        for thread in self._threads:
            thread.join(5)
        self._door.close()

    def hang_up(self) -> None:
        """End every connection."""
        for sock in self._open:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    @property
    def request(self) -> dict[str, str]:
        """The header fields of the only request, in lower case; its line under "" and its body under "body"."""
        (raw,) = self.requests
        head, _, body = raw.decode().partition("\r\n\r\n")
        line, *fields = head.split("\r\n")
        return {"": line, "body": body} | {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}

    def _start(self, run: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the door was closed
            while True:
                client, _ = self._door.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                self._open.append(client)
                self._start(self._attend, client)

    def _attend(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), plain:
            client = plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True)
            self._open.append(client)
            with client:
                while raw := _one_request(client):
                    self.requests.append(raw)
                    answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                    if isinstance(answer, bytes):
                        client.sendall(answer)
                    else:
                        answer(client)
                    if not self._keeps:
                        return


def _one_request(client: socket.socket) -> bytes:
    raw = b""
    while b"\r\n\r\n" not in raw:
        data = client.recv(65536)
        if not data:
            return b""
        raw += data
    head, _, body = raw.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while len(body) < sum(lengths):
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body
