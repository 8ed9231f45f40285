"""Operators who refund."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.backend import Backend, drop_database
from support.cashier import Cashier, keep_rows, put_rows_back
from support.console import Console
from support.standin import Stripe


@pytest.fixture(scope="session")
def lent_backends(server: str) -> Iterator[dict[str, Backend]]:
    """One backend of each shape that is put back in order after every loan."""
    made: dict[str, Backend] = {}
    yield made
    for backend in made.values():
        drop_database(server, backend.conninfo)


@pytest.fixture
def lent_backend(server: str, lent_backends: dict[str, Backend], request: pytest.FixtureRequest) -> Backend:
    """The one in Django's shape, or in the shape that `support.cashier.BOTH_SHAPES` asks for."""
    shape = getattr(request, "param", "django")
    if shape not in lent_backends:
        lent_backends[shape] = Backend.create(server, shape)
        keep_rows(lent_backends[shape])
    put_rows_back(lent_backends[shape])
    return lent_backends[shape]


@pytest.fixture
def cashier(console: Console, lent_backend: Backend, stripe: Stripe, tmp_path: Path) -> Cashier:
    """One who may change every row, but no table and no role."""
    return Cashier.at(console, lent_backend, stripe, tmp_path)


@pytest.fixture
def owner(console: Console, own_backend: Backend, stripe: Stripe, tmp_path: Path) -> Cashier:
    """One whose database is their own, in both shapes of the tables."""
    return Cashier.at(console, own_backend, stripe, tmp_path)


@pytest.fixture(scope="session")
def untouchable_backend(server: str) -> Iterator[Backend]:
    """One backend for everybody whose attempts come to nothing."""
    made = Backend.create(server, "django")
    yield made
    drop_database(server, made.conninfo)


@pytest.fixture
def refused(console: Console, untouchable_backend: Backend, stripe: Stripe, tmp_path: Path) -> Cashier:
    """One who must not change a row."""
    return Cashier.at(console, untouchable_backend, stripe, tmp_path)
