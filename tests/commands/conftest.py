"""Operators who refund, at a backend of their own."""

from pathlib import Path

import pytest

from support.backend import Backend
from support.cashier import Cashier
from support.console import Console
from support.standin import Stripe


@pytest.fixture
def cashier(console: Console, own_backend: Backend, stripe: Stripe, tmp_path: Path) -> Cashier:
    """In both shapes of the tables."""
    return Cashier.at(console, own_backend, stripe, tmp_path)


@pytest.fixture
def refused(console: Console, backend: Backend, stripe: Stripe, tmp_path: Path) -> Cashier:
    """One whose every attempt is to come to nothing: the backend is everybody's, and nobody may change it."""
    return Cashier.at(console, backend, stripe, tmp_path)
