"""One stand-in for these tests, forgotten before each, and a self-made certificate for loopback."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.standin import Stripe, running_stripe


@pytest.fixture(scope="session")
def gateway_standin() -> Iterator[Stripe]:
    """The process."""
    with running_stripe() as stripe:
        yield stripe


@pytest.fixture
def stripe(gateway_standin: Stripe) -> Stripe:
    """The stand-in as at the start."""
    gateway_standin.reset()
    return gateway_standin


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a certificate for 127.0.0.1 and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    parts = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run([*command, *parts], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "cert").read_bytes() + (folder / "key").read_bytes())
    return both


@pytest.fixture
def tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server needs to be trusted by the gateways of this test."""
    monkeypatch.setattr("stripe.ca_bundle_path", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
