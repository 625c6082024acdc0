"""The DKIM key comes from an Airflow connection, which need not be there."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from marketflow.orchestration.connections import dkim_signer
from marketflow.shared import ConfigurationError

FORM = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def connection(password: str, **extra: str) -> str:
    return json.dumps({"conn_type": "generic", "password": password, "extra": extra})


def test_without_a_connection_mails_are_not_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_DKIM", raising=False)
    assert dkim_signer() is None


def test_a_connection_with_a_key_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(*FORM).decode()
    monkeypatch.setenv("AIRFLOW_CONN_DKIM", connection(pem, domain="example.com", selector="nov26"))
    signer = dkim_signer()
    assert signer is not None
    assert (signer.algorithm, signer.record[0]) == ("ed25519-sha256", "nov26._domainkey.example.com")


@pytest.mark.parametrize(
    ("password", "extra", "words"),
    [("no key", {"domain": "example.com", "selector": "s"}, "not a private key"), ("", {}, "`domain` must be")],
)
def test_a_connection_that_cannot_sign_is_told(
    monkeypatch: pytest.MonkeyPatch, password: str, extra: dict[str, str], words: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DKIM", connection(password, **extra))
    with pytest.raises(ConfigurationError, match=words):
        dkim_signer()
