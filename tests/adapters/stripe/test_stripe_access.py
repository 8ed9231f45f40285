"""Keys, addresses and proxies that are refused before anything is sent, without being quoted."""

import pytest

from ecloud_pay.adapters.stripe.border import Border, plain_id
from ecloud_pay.adapters.stripe.gateway import open_gateway
from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.errors import NotConfigured
from ecloud_pay.secret import Secret

TEST = Secret("sk_test_canary0123")
LIVE = Secret("rk_live_canary0123")


def refused(key: Secret | None, base: str | None = None, proxy: Secret | None = None) -> str:
    with pytest.raises(NotConfigured) as raised:
        open_gateway(key, base=base, proxy=proxy)
    assert "canary" not in str(raised.value) + raised.value.to_do + repr(raised.value.__cause__) + repr(raised.value.__context__)
    assert raised.value.to_do
    return raised.value.what


@pytest.mark.parametrize("key", [None, Secret(""), Secret(" \n")])
def test_no_key(key: Secret | None) -> None:
    assert refused(key) == "there is no Stripe key"


def test_a_publishable_key() -> None:
    assert refused(Secret("pk_test_canary0123")) == "STRIPE_SECRET_KEY holds a publishable key (pk_…), which may read nothing"


@pytest.mark.parametrize(
    "key",
    [
        "canary",
        "sk_canary0123",
        "sk_test_",
        "sk_test_can ary",
        "sk_test_canary\n\nx",
        "sk_test_canary–",
        "SK_TEST_canary",
        "sk_prod_canary0",
    ],
)
def test_a_malformed_key(key: str) -> None:
    assert refused(Secret(key)) == "STRIPE_SECRET_KEY does not look like a Stripe key"


@pytest.mark.parametrize(
    ("key", "mode"),
    [
        ("sk_test_canary0123", Mode.TEST),
        ("rk_test_canary0123", Mode.TEST),
        (" sk_live_canary0123\n", Mode.LIVE),
        ("rk_live_canary0123", Mode.LIVE),
    ],
)
def test_a_key_tells_whose_money_it_moves(key: str, mode: Mode) -> None:
    assert open_gateway(Secret(key)).mode is mode


@pytest.mark.parametrize("base", ["http://127.0.0.1:12111", "https://localhost", "http://evil.example"])
def test_a_live_key_is_for_stripe_alone(base: str) -> None:
    assert refused(LIVE, base) == "STRIPE_API_BASE is set, and the key is a live one"


@pytest.mark.parametrize("base", [None, "", "https://api.stripe.com", "https://api.stripe.com/"])
def test_stripes_own_address_is_for_every_key(base: str | None) -> None:
    assert open_gateway(LIVE, base=base).mode is Mode.LIVE


@pytest.mark.parametrize(
    "base",
    [
        "http://evil.example",
        "https://api.stripe.com.evil.example",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "http://user:canary@127.0.0.1",
        "http://evil.example#127.0.0.1",
        "http://127.0.0.1/path",
        "http://127.0.0.1?x",
        "http://127.0.0.1#x",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://[::1",
        "http://0.0.0.0",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "//127.0.0.1",
        "localhost",
        "http://127.0.0.1\\@evil.example",
        "http://127.0.0.1\n.evil.example",
    ],
)
def test_a_test_key_goes_to_no_other_machine(base: str) -> None:
    assert refused(TEST, base) == "STRIPE_API_BASE leads to another machine, or is no plain address"


@pytest.mark.parametrize(
    "base",
    [
        "http://127.0.0.1:12111",
        "http://127.0.0.1:12111/",
        "https://127.9.9.9",
        "http://[::1]:8080",
        "http://localhost:1",
        " http://127.0.0.1\n",
    ],
)
def test_a_stand_in_on_this_machine_is_fine(base: str) -> None:
    assert open_gateway(TEST, base=base).mode is Mode.TEST


@pytest.mark.parametrize("proxy", ["canary", "socks5://canary:1", "http://", "http://canary:x", "http://user:canary@", "http://a b"])
def test_a_proxy_that_is_none(proxy: str) -> None:
    assert refused(TEST, proxy=Secret(proxy)) == "STRIPE_PROXY is no proxy's address"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("all is well", "all is well"),
        ("  two\n lines\t\x00 ", "two lines"),
        ("pass\\word and pass\\\\word", "*** and ***"),
        ("sk_live_abcDEF123 rk_test_abc pk_live_abc sk_abc whsec_abc/+=", "sk_live_*** rk_test_*** pk_live_abc sk_*** whsec_***"),
        ("No such customer: 'ann@example.org'", "No such customer: ***'"),
        ("sk_test_********4242.", "sk_test_***."),
        ("mail <ann.o'neil+x@example.co.uk>, bob@localhost", "mail <***>, ***"),
        ("x" * 299 + " secret tail", "x" * 299 + "…"),
        ("x" * 290 + " pass\\word", "x" * 290 + " ***"),
    ],
)
def test_words_pass_the_border(text: str, shown: str) -> None:
    assert Border(["pass\\word", "abc"]).words(text) == shown


def test_a_request_id_is_plain_or_nothing() -> None:
    assert [plain_id(text) for text in (None, "", "req_1", "req 1", "x" * 81, "a\n")] == [None, None, "req_1", None, None, None]
