"""Certificates: the system's authorities, for the name of the host, and nothing turns that off."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tavusctl.api import Client
from tavusctl.core.errors import Ambiguous, ApiError, NeverSent
from tavusctl.core.ports import OpenFence
from tests.unit.api.raw_server import Behave, answering, serving
from tests.unit.api.test_fence import Call, Gate, Server, every_call, reaching

KEY = "canary-key-0123456789"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n"


def client(port: int) -> Client:
    """A client of localhost, wherever that is."""
    return Client(f"https://localhost:{port}", KEY, max_wait=0.0, seconds=3.0, resolve=lambda *_: ("127.0.0.1",))


class Authority:
    """A certificate authority of the test, and servers with its certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test authority")])
        self.file = folder / "ca.pem"
        self.file.write_bytes(_pem(self._signed(self.name, self.key, authority=True)))

    def context(self, host: str = "localhost", *, expired: bool = False, own: bool = False) -> ssl.SSLContext:
        """A server's side, with a certificate for a host."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        certificate = self._signed(name, key, host=host, expired=expired, issuer=(name, key) if own else None)
        path = self.folder / f"{host}-{expired}-{own}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + _pem(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        host: str = "",
        authority: bool = False,
        expired: bool = False,
        issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None = None,
    ) -> x509.Certificate:
        by, with_key = issuer or (self.name, self.key)
        now = datetime.now(UTC)
        names: list[x509.GeneralName] = [x509.DNSName(host or "ca")]
        with contextlib.suppress(ValueError):
            names = [x509.IPAddress(ipaddress.ip_address(host))]
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(by)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=9))
            .not_valid_after(now + timedelta(days=-1 if expired else 9))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .sign(with_key, hashes.SHA256())
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that the system trusts."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


def over_tls(context: ssl.SSLContext, behave: Behave, **environment: str) -> tuple[Any, list[bytes]]:
    """What a POST over TLS ends in, and what the server was sent."""
    with serving(behave, context) as (port, requests), pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        with client(port) as api:
            try:
                return api.post("/v2/personas", {"a": 1}, fence=OpenFence()), requests
            except ApiError as error:
                return error, requests


def test_061_a_certificate_of_a_trusted_authority_will_do(authority: Authority, tmp_path: Path) -> None:
    log = tmp_path / "keys.log"
    ended, requests = over_tls(authority.context(), answering(OK + b'{"a": 1}'), SSLKEYLOGFILE=str(log))

    assert (ended, len(requests), log.exists()) == ({"a": 1}, 1, False)


@pytest.mark.parametrize(
    "wrong", [{"expired": True}, {"host": "evil.example.com"}, {"own": True}, {"host": "127.0.0.1"}]
)
@pytest.mark.parametrize("variable", ["PYTHONHTTPSVERIFY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY"])
def test_061_s45_s46_any_other_gets_nothing(authority: Authority, wrong: dict[str, Any], variable: str) -> None:
    """And nothing in the environment turns the check off."""
    ended, requests = over_tls(authority.context(**wrong), answering(OK + b"{}      "), **{variable: "0"})

    assert isinstance(ended, NeverSent)
    assert "certificate" in ended.message.lower()
    assert requests == []


def test_061_old_tls_is_not_spoken(authority: Authority) -> None:
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    ended, requests = over_tls(context, answering(OK + b"{}      "))

    assert (type(ended), requests) == (NeverSent, [])


def test_062_a_handshake_that_is_cut_is_surely_not_sent_and_an_answer_that_is_cut_is_not(authority: Authority) -> None:
    with serving(lambda connection: connection.close()) as (port, _), client(port) as api, pytest.raises(NeverSent):
        api.post("/v2/personas", {}, fence=OpenFence())
    ended, requests = over_tls(authority.context(), lambda connection: connection.close())

    assert (type(ended), len(requests)) == (Ambiguous, 1)


@every_call
def test_a_call_passes_its_fence_after_the_handshake(call: Call, authority: Authority) -> None:
    server = Server(slow=0.3, context=authority.context("127.0.0.1"))
    with server.running() as port, reaching(port, "https") as api:
        call(api, Gate(server, patience=0.05))
    assert [*dict.fromkeys(server.told)] == ["renew", "connected", "passes", "first byte"]
