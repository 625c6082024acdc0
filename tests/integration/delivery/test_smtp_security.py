"""TLS and login: a server that cannot prove who it is gets nothing, and nobody is given up for it."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ledger_fixture import KEYS, HandClock, fill, options, states
from marketflow.campaigns.delivery import DeliverySummary, SmtpChannel, SmtpTarget, deliver
from marketflow.warehouse import connect
from smtp_server import SmtpServer


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(host, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "server.pem"
    path.write_bytes(pem + signed.public_bytes(serialization.Encoding.PEM))
    return path


def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


def run(dsn: str, server: SmtpServer, **target: Any) -> DeliverySummary:
    channel = SmtpChannel(
        SmtpTarget(host="127.0.0.1", port=server.port, **target), sender="Shop <shop@example.com>", timeout=5
    )
    return deliver(lambda: connect(dsn), channel, keys=KEYS, clock=HandClock(), options=options())


@pytest.mark.parametrize("is_trusted", [True, False])
def test_starttls_goes_to_a_server_that_is_trusted_only(
    conn: psycopg.Connection,
    warehouse_dsn: str,
    tmp_path: Path,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_trusted: bool,
) -> None:
    fill(conn, 3)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with SmtpServer(tmp_path / "record", tls_context=context(certificate), require_starttls=True) as server:
        summary = run(warehouse_dsn, server, security="starttls")
        assert len(server.accepted) == (3 if is_trusted else 0)
    assert (summary.sent, summary.stopped) == ((3, None) if is_trusted else (0, "tls_failed"))


def test_a_server_without_starttls_gets_nothing(conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path) -> None:
    fill(conn, 3)
    with SmtpServer(tmp_path / "record") as server:
        assert run(warehouse_dsn, server, security="starttls").stopped == "tls_failed"
    assert states(conn) == {("deferred", "tls_failed"): 3}


def test_plain_text_to_a_server_that_wants_tls_is_put_off(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path, certificate: Path
) -> None:
    fill(conn, 3)
    with SmtpServer(tmp_path / "record", tls_context=context(certificate), require_starttls=True) as server:
        assert run(warehouse_dsn, server).stopped == "smtp_530"
    assert states(conn) == {("deferred", "smtp_530"): 3}


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # this test's server has no TLS
@pytest.mark.parametrize(("password", "reason"), [("right", None), ("wrong", "auth_failed")])
def test_login(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path, *, password: str, reason: str | None
) -> None:
    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        is_right = isinstance(given, LoginPassword) and (given.login, given.password) == (b"shop", b"right")
        return AuthResult(success=is_right, handled=False)

    fill(conn, 3)
    extra = {"authenticator": check, "auth_required": True, "auth_require_tls": False}
    with SmtpServer(tmp_path / "record", **extra) as server:
        summary = run(warehouse_dsn, server, username="shop", password=password)
    assert (summary.sent, summary.stopped) == ((3, None) if reason is None else (0, reason))
    if reason:
        assert states(conn) == {("deferred", reason): 3}


def test_tls_from_the_first_byte(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(conn, 3)
    with SmtpServer(tmp_path / "record", ssl_context=context(certificate)) as server:
        assert run(warehouse_dsn, server, security="tls").stopped == "tls_failed"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    conn.execute("UPDATE activation.sends SET send_after = released_at")
    conn.commit()
    with SmtpServer(tmp_path / "record", ssl_context=context(certificate)) as server:
        assert run(warehouse_dsn, server, security="tls").sent == 3


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".test"])
def test_a_host_that_does_not_exist(conn: psycopg.Connection, warehouse_dsn: str, host: str) -> None:
    fill(conn, 3)
    channel = SmtpChannel(SmtpTarget(host=host, port=25), sender="Shop <shop@example.com>", timeout=5)
    deliver(lambda: connect(warehouse_dsn), channel, keys=KEYS, clock=HandClock(), options=options())
    assert states(conn) == {("deferred", "connect_failed"): 3}
