"""The counter at which these tests make refunds: one database of each shape for all of them, put back before each."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.backend import SHAPES, Backend, drop_database
from support.office import put_payments
from support.refunding import Till, keep, open_till, put_back
from support.standin import Stripe


@pytest.fixture(scope="session")
def counter_backends(server: str) -> Iterator[list[Backend]]:
    """The databases."""
    backends = [keep(Backend.create(server, shape)) for shape in SHAPES]
    yield backends
    for backend in backends:
        drop_database(server, backend.conninfo)


@pytest.fixture
def till(counter_backends: list[Backend], stripe: Stripe, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Till]:
    """Everything as at the start, with the payments of `support.office` on both sides. A test's name picks the shape of the tables:
    what differs between them is the ledger's affair, whose tests run on both."""
    backend = put_back(counter_backends[zlib.crc32(request.node.nodeid.encode()) % len(SHAPES)])
    put_payments(stripe)
    with open_till(backend, stripe, tmp_path) as till:
        yield till
