"""A TCP door before PostgreSQL that reads along what is asked, and can cut the line.

console ──▶ 127.0.0.1:port ──▶ the server's socket
"""

import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Self

import psycopg

CHUNK_BYTES = 65536
_ENCRYPTION_REQUESTS = (80877103, 80877104)  # SSLRequest and GSSENCRequest: eight bytes without a type
# https://www.postgresql.org/docs/current/protocol-message-formats.html: a simple query, and the text of an extended one
_QUERY, _PARSE = b"Q", b"P"


class Wire:
    """Serves connections until the block ends; `statements` are the texts that were sent, in order.

    It cuts the line behind a statement that holds `cut_after`, or once the server has answered with `cut_after_bytes`.
    """

    def __init__(self, conninfo: str, cut_after: str | None = None, cut_after_bytes: int | None = None) -> None:
        with psycopg.connect(conninfo) as connection:
            self._server_host, self._server_port = connection.info.host, connection.info.port
        self._cut_after = cut_after
        self._bytes_left = cut_after_bytes
        self.was_cut = False
        self.statements: list[str] = []

    def __enter__(self) -> Self:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = {"host": "127.0.0.1", "hostaddr": "", "port": str(self._door.getsockname()[1])}
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        self._door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the door was closed
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._attend, args=(client,), daemon=True).start()

    def _attend(self, client: socket.socket) -> None:
        with client, self._connect() as server:
            threading.Thread(target=self._pour, args=(server, client), daemon=True).start()
            with contextlib.suppress(OSError):
                self._listen(client, server)

    def _connect(self) -> socket.socket:
        if not self._server_host.startswith("/"):
            return socket.create_connection((self._server_host, self._server_port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._server_host}/.s.PGSQL.{self._server_port}")
        return server

    def _listen(self, client: socket.socket, server: socket.socket) -> None:
        buffer = b""
        has_greeted = False
        while data := client.recv(CHUNK_BYTES):
            buffer += data
            while message := _first(buffer, has_greeted):
                buffer = buffer[len(message) :]
                if has_greeted:
                    self._hear(message)
                else:
                    has_greeted = struct.unpack_from("!I", message, 4)[0] not in _ENCRYPTION_REQUESTS
                if self.was_cut:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                server.sendall(message)

    def _hear(self, message: bytes) -> None:
        kind, body = message[:1], message[5:]
        if kind in (_QUERY, _PARSE):
            text = body.split(b"\0")[0 if kind == _QUERY else 1].decode()
            self.statements.append(text)
            self.was_cut = self._cut_after is not None and self._cut_after in text

    def _pour(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if self._bytes_left is not None:
                    data, self._bytes_left = data[: self._bytes_left], max(0, self._bytes_left - len(data))
                target.sendall(data)
                if self._bytes_left == 0:
                    self.was_cut = True
                    target.shutdown(socket.SHUT_RDWR)
                    return
            target.shutdown(socket.SHUT_WR)


def _first(buffer: bytes, has_greeted: bool) -> bytes:
    """The first whole message of `buffer`, or nothing. Only what comes before the greeting's end has no type byte."""
    type_bytes = 1 if has_greeted else 0
    if len(buffer) < type_bytes + 4:
        return b""
    (size,) = struct.unpack_from("!I", buffer, type_bytes)
    return buffer[: type_bytes + size] if len(buffer) >= type_bytes + size else b""
