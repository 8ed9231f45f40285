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
LIMIT_S = 60
PORT = 5432

QUERY, PARSE, EXECUTE, TERMINATE, READY_FOR_QUERY = b"QPEXZ"


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
        info = connection.info
    if info.host.startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{info.host}/.s.PGSQL.{info.port}")
        return server
    return socket.create_connection((info.hostaddr or info.host, info.port))


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
    """Reads along; before the first ReadyForQuery it is the login, which is not counted."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._from_program = bytearray()
        self._from_server = bytearray()
        self._has_greeted = False
        self._is_logged_in = False
        self._is_our_turn = True

    def sent(self, data: bytes) -> None:
        self._from_program += data
        if not self._has_greeted:
            # The first message alone bears no type, and on a Unix socket libpq does not ask for encryption before it.
            (size,) = struct.unpack_from("!I", self._from_program)
            del self._from_program[:size]
            self._has_greeted = True
        for kind, body in _messages(self._from_program):
            if not self._is_logged_in or kind == TERMINATE:
                continue
            self._traffic.bytes_sent += len(body) + 5
            if self._is_our_turn:
                self._traffic.round_trips += 1
                self._is_our_turn = False
            if kind == QUERY:
                self._traffic.statements.append(_text(body))
            elif kind == PARSE:
                self._traffic.statements.append(_text(body.partition(b"\0")[2]))

    def received(self, data: bytes) -> None:
        self._from_server += data
        self._is_our_turn = True
        for kind, body in _messages(self._from_server):
            if self._is_logged_in:
                self._traffic.bytes_received += len(body) + 5
            self._is_logged_in |= kind == READY_FOR_QUERY


def _messages(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """The messages that are whole, as type and body; they are taken out of the buffer."""
    while len(buffer) >= 5:
        kind, size = struct.unpack_from("!cI", buffer)
        if len(buffer) < size + 1:
            return
        body = bytes(buffer[5 : size + 1])
        del buffer[: size + 1]
        yield kind[0], body


def _text(body: bytes) -> str:
    return body.partition(b"\0")[0].decode(errors="replace")
