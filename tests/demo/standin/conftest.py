"""Stripe's API as these tests speak it."""

from collections.abc import Iterator

import pytest

from support.standin import Api, Stripe


@pytest.fixture
def api(stripe: Stripe) -> Iterator[Api]:
    """Stripe's API with the test key."""
    with Api(stripe) as api:
        yield api
