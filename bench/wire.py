"""What a program says to PostgreSQL, counted by a socket between the two that reads along.

program ──▶ folder/.s.PGSQL.5432 ──▶ server      https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

CHUNK_BYTES = 65536
HEAD_BYTES = 5  # a message's type and size
LIMIT_S = 60
PORT = 5432

QUERY, PARSE, BIND, EXECUTE, TERMINATE, READY_FOR_QUERY = b"QPBEXZ"


@dataclass(slots=True)
class Traffic:
    """What went over one connection once the login was done."""

    statements: list[str] = field(default_factory=list)
    round_trips: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


@contextmanager
def overheard(conninfo: str, folder: Path) -> Iterator[tuple[str, Traffic]]:
    """A conninfo that leads to the server of `conninfo` by way of us, for one connection, and what was said; whole when the block ends."""
    traffic = Traffic()
    with socket.socket(socket.AF_UNIX) as door, _connected_as(conninfo) as server:
        door.bind(str(folder / f".s.PGSQL.{PORT}"))
        door.listen(1)
        door.settimeout(LIMIT_S)
        listener = threading.Thread(target=_listen, args=(door, server, traffic), daemon=True)
        listener.start()
        try:
            yield make_conninfo(conninfo, host=str(folder), hostaddr="", port=PORT), traffic
            listener.join(LIMIT_S)
        finally:
            (folder / f".s.PGSQL.{PORT}").unlink()


def _connected_as(conninfo: str) -> socket.socket:
    """A bare socket to where libpq goes with this conninfo."""
    with psycopg.connect(conninfo) as connection:
        host, address, port = connection.info.host, connection.info.hostaddr, connection.info.port
    if not host.startswith("/"):
        return socket.create_connection((address or host, port))
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{host}/.s.PGSQL.{port}")
    return server


def _listen(door: socket.socket, server: socket.socket, traffic: Traffic) -> None:
    program, _ = door.accept()
    conversation = _Conversation(traffic)
    with program, selectors.DefaultSelector() as selector:
        selector.register(program, selectors.EVENT_READ, (server, conversation.sent))
        selector.register(server, selectors.EVENT_READ, (program, conversation.received))
        while ready := selector.select(LIMIT_S):
            for key, _ in ready:
                other, hear = key.data
                data = key.fileobj.recv(CHUNK_BYTES)  # type: ignore[union-attr]  # sockets are all we registered
                if not data:
                    return
                hear(data)
                other.sendall(data)


class _Conversation:
    """Reads along; what comes before the first ReadyForQuery is the login, which is not counted."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._from_program = bytearray()
        self._from_server = bytearray()
        self._has_greeted = False
        self._is_logged_in = False
        self._has_answered = True
        self._parsed: dict[bytes, bytes] = {}
        self._bound: dict[bytes, bytes] = {}

    def sent(self, data: bytes) -> None:
        self._from_program += data
        if not self._has_greeted:
            # The first message alone has no type, and on a Unix socket libpq does not ask for encryption before it.
            (size,) = struct.unpack_from("!I", self._from_program)
            del self._from_program[:size]
            self._has_greeted = True
        for kind, body in _messages(self._from_program):
            if self._is_logged_in and kind != TERMINATE:
                self._count(kind, body)

    def received(self, data: bytes) -> None:
        self._from_server += data
        self._has_answered = True
        for kind, body in _messages(self._from_server):
            if self._is_logged_in:
                self._traffic.bytes_received += HEAD_BYTES + len(body)
            self._is_logged_in |= kind == READY_FOR_QUERY

    def _count(self, kind: int, body: bytes) -> None:
        self._traffic.bytes_sent += HEAD_BYTES + len(body)
        self._traffic.round_trips += self._has_answered
        self._has_answered = False
        parts = body.split(b"\0", 2)
        if kind == QUERY:
            self._traffic.statements.append(_text(parts[0]))
        elif kind == PARSE:  # a name and the text
            self._parsed[parts[0]] = parts[1]
        elif kind == BIND:  # the name of a portal, the name of what was parsed, the parameters
            self._bound[parts[0]] = self._parsed[parts[1]]
        elif kind == EXECUTE:  # the name of a portal
            self._traffic.statements.append(_text(self._bound[parts[0]]))


def _messages(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """The messages that are whole, as type and body; they are taken out of the buffer."""
    while len(buffer) >= HEAD_BYTES:
        kind, size = struct.unpack_from("!BI", buffer)  # the size counts itself but not the type
        if len(buffer) < size + 1:
            return
        body = bytes(buffer[HEAD_BYTES : size + 1])
        del buffer[: size + 1]
        yield kind, body


def _text(statement: bytes) -> str:
    return " ".join(statement.decode(errors="replace").split())
