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

    It cuts the line behind a statement that holds `cut_after` (which the server does not get), behind the server's doing of one that
    holds `cut_answer_of` (whose answer the client does not get), or once the server has answered with `cut_after_bytes`.
    """

    def __init__(
        self, conninfo: str, cut_after: str | None = None, cut_after_bytes: int | None = None, cut_answer_of: str | None = None
    ) -> None:
        with psycopg.connect(conninfo) as connection:
            self._server_host, self._server_port = connection.info.host, connection.info.port
        self.break_at(cut_after, cut_answer_of)
        self._bytes_left = cut_after_bytes
        self.was_cut = False
        self.cuts = 0
        self.statements: list[str] = []

    def __enter__(self) -> Self:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = {"host": "127.0.0.1", "hostaddr": "", "port": str(self._door.getsockname()[1])}
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let nobody in any more. Who is in stays."""
        # Without it, a thread that waits at the door would let one more in.
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def break_at(self, cut_after: str | None = None, cut_answer_of: str | None = None) -> None:
        """Cut there from now on."""
        self._cut_after, self._cut_answer_of = cut_after, cut_answer_of

    def heal(self) -> None:
        """Cut at no statement any more."""
        self.break_at()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the door was closed
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._attend, args=(client,), daemon=True).start()

    def _attend(self, client: socket.socket) -> None:
        with client, self._connect() as server:
            line = _Line()
            threading.Thread(target=self._pour, args=(server, client, line), daemon=True).start()
            with contextlib.suppress(OSError):
                self._listen(client, server, line)
            # Closing alone would not end it while the other thread waits for the server's word.
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> socket.socket:
        if not self._server_host.startswith("/"):
            return socket.create_connection((self._server_host, self._server_port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._server_host}/.s.PGSQL.{self._server_port}")
        return server

    def _listen(self, client: socket.socket, server: socket.socket, line: "_Line") -> None:
        buffer = b""
        has_greeted = False
        while data := client.recv(CHUNK_BYTES):
            buffer += data
            while message := _first(buffer, has_greeted):
                buffer = buffer[len(message) :]
                if has_greeted:
                    self._hear(message, line)
                else:
                    has_greeted = struct.unpack_from("!I", message, 4)[0] not in _ENCRYPTION_REQUESTS
                if line.is_cut:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                server.sendall(message)

    def _hear(self, message: bytes, line: "_Line") -> None:
        kind, body = message[:1], message[5:]
        if kind in (_QUERY, _PARSE):
            text = body.split(b"\0")[0 if kind == _QUERY else 1].decode()
            self.statements.append(text)
            if self._cut_after is not None and self._cut_after in text:
                line.is_cut = True
                self._count()
            line.is_deaf = self._cut_answer_of is not None and self._cut_answer_of in text

    def _count(self) -> None:
        self.was_cut = True
        self.cuts += 1

    def _pour(self, source: socket.socket, target: socket.socket, line: "_Line") -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if line.is_deaf:  # the server answers once it has done it
                    self._count()
                    target.shutdown(socket.SHUT_RDWR)
                    return
                if self._bytes_left is not None:
                    data, self._bytes_left = data[: self._bytes_left], max(0, self._bytes_left - len(data))
                target.sendall(data)
                if self._bytes_left == 0:
                    self._count()
                    target.shutdown(socket.SHUT_RDWR)
                    return
            target.shutdown(socket.SHUT_WR)


class _Line:
    """One connection: `is_cut` at the client's last word, `is_deaf` to the server's answer."""

    def __init__(self) -> None:
        self.is_cut = False
        self.is_deaf = False


def _first(buffer: bytes, has_greeted: bool) -> bytes:
    """The first whole message of `buffer`, or nothing. Only what comes before the greeting's end has no type byte."""
    type_bytes = 1 if has_greeted else 0
    if len(buffer) < type_bytes + 4:
        return b""
    (size,) = struct.unpack_from("!I", buffer, type_bytes)
    return buffer[: type_bytes + size] if len(buffer) >= type_bytes + size else b""
