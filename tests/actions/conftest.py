"""The counter at which these tests make refunds: one database of each shape for all of them, put back before each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.backend import SHAPES, Backend, drop_database
from support.office import put_payments
from support.refunding import Till, keep, open_till, put_back
from support.standin import Stripe


@pytest.fixture(scope="session", params=SHAPES)
def counter_backend(server: str, request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The database."""
    backend = keep(Backend.create(server, request.param))
    yield backend
    drop_database(server, backend.conninfo)


@pytest.fixture
def till(counter_backend: Backend, stripe: Stripe, tmp_path: Path) -> Iterator[Till]:
    """Everything as at the start, with the payments of `support.office` on both sides."""
    put_back(counter_backend)
    put_payments(stripe)
    with open_till(counter_backend, stripe, tmp_path) as till:
        yield till
