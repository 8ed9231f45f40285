"""One stand-in in memory for all of these tests, forgotten before each."""

from collections.abc import Iterator

import pytest

from support.standin import Api, Stripe, running_stripe


@pytest.fixture(scope="session")
def one_standin() -> Iterator[Stripe]:
    """The process."""
    with running_stripe() as stripe:
        yield stripe


@pytest.fixture
def stripe(one_standin: Stripe) -> Stripe:
    """The stand-in as at the start."""
    one_standin.reset()
    return one_standin


@pytest.fixture
def api(stripe: Stripe) -> Iterator[Api]:
    """Stripe's API with the test key."""
    with Api(stripe) as api:
        yield api
