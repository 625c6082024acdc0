"""What is signed verifies with another's code (dkimpy), and no longer when it was changed; a wrong key is told at once."""

from __future__ import annotations

from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import example, given
from hypothesis import strategies as st

from mails import HOSTILE, SENDER, message, parsed
from marketflow.campaigns.delivery import DkimSigner, SmtpChannel, SmtpTarget
from marketflow.campaigns.delivery.mime import compose
from marketflow.shared import ConfigurationError


def pem(key: Any, passphrase: bytes | None = None) -> str:
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return str(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode())


def short_key() -> Any:
    """An RSA key of 648 bits, of two primes of Mersenne's: no library makes one so short."""
    p, q, e = 2**521 - 1, 2**127 - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key(
        unsafe_skip_rsa_key_validation=True
    )


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()
SIGNERS = {
    "rsa-sha256": DkimSigner.from_pem(pem(RSA), domain="example.com", selector="mail2026"),
    "ed25519-sha256": DkimSigner.from_pem(pem(ED), domain="example.com", selector="ed"),
}
both = pytest.mark.parametrize("algorithm", SIGNERS)


def verifies(data: bytes, signer: DkimSigner) -> bool:
    """As a receiver does it, with the record that is in the DNS."""
    name, text = signer.record

    def look_up(asked: bytes, timeout: int = 5) -> bytes:
        assert (asked.decode().rstrip("."), timeout > 0) == (name, True)
        return text.encode()

    return bool(dkim.verify(data, dnsfunc=look_up))


@both
def test_a_signed_mail_verifies(algorithm: str) -> None:
    signer = SIGNERS[algorithm]
    data = compose(message(), SENDER, signer)
    assert verifies(data, signer)
    assert f"a={algorithm};" in str(parsed(data)["DKIM-Signature"])
    assert max(map(len, data.split(b"\r\n"))) <= 200
    plain = compose(message(html=None), SENDER, signer)
    assert verifies(plain, signer)


def test_the_list_headers_are_signed_and_from_twice() -> None:
    signature = str(parsed(compose(message(), SENDER, SIGNERS["rsa-sha256"]))["DKIM-Signature"])
    names = signature.replace(" ", "").partition(";h=")[2].partition(";")[0].split(":")
    assert names == [
        "from", "from", "to", "subject", "date", "message-id", "list-id", "list-unsubscribe", "list-unsubscribe-post",
        "feedback-id", "mime-version", "content-type",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: Thank you", b"Subject: Buy this"),
        (b"Hello", b"Hullo"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        (b"List-Unsubscribe: <https://edge.test/", b"List-Unsubscribe: <https://evil.test/"),
        (b"Feedback-ID: thank_you", b"Feedback-ID: another"),
        (b"\r\nTo:", b"\r\nFrom: Eve <eve@evil.test>\r\nTo:"),
    ],
)
def test_a_changed_mail_does_not_verify(old: bytes, new: bytes) -> None:
    signer = SIGNERS["ed25519-sha256"]
    data = compose(message(), SENDER, signer)
    assert old in data
    assert verifies(data, signer)
    assert not verifies(data.replace(old, new, 1), signer)


def test_the_header_for_sendgrid_may_be_taken_out_on_the_way() -> None:
    signer = SIGNERS["rsa-sha256"]
    data = compose(message(provider_token="abcdefgh234567"), SENDER, signer)
    [line] = [line for line in data.split(b"\r\n") if line.startswith(b"X-SMTPAPI: ")]
    assert verifies(data, signer)
    assert verifies(data.replace(line + b"\r\n", b""), signer)


def test_what_relays_do_on_the_way_breaks_nothing() -> None:
    signer = SIGNERS["rsa-sha256"]
    data = compose(message(text="two  blanks\tand a tab\n", subject="谢谢 🎉 " * 12), SENDER, signer)
    head, _, body = data.partition(b"\r\n\r\n")
    refolded = head.replace(b"Message-ID: ", b"Message-Id:\r\n\t ").replace(b"\r\n =?", b"\r\n   =?")
    assert refolded != head
    assert verifies(b"Received: from a by b\r\n" + refolded + b"\r\n\r\n" + body + b"\r\n\r\n", signer)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
@example(" \n \n\n  x  \n\t\n\n\n")
@example(".\n..\n \t \n")
@example("")
def test_any_text_verifies(text: str) -> None:
    signer = SIGNERS["ed25519-sha256"]
    assert verifies(compose(message(text=text, html=text, subject=text[:80], name=text[:80]), SENDER, signer), signer)
    assert verifies(compose(message(text=text, html=None), SENDER, signer), signer)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_verify(text: str) -> None:
    signer = SIGNERS["ed25519-sha256"]
    assert verifies(compose(message(subject=text, name=text), SENDER, signer), signer)


@both
def test_a_key_that_lost_its_line_breaks_in_a_form_is_read(algorithm: str) -> None:
    whole = pem(RSA if algorithm == "rsa-sha256" else ED)
    for text in (whole.replace("\n", " "), whole.replace("\n", "\\n"), whole.strip(), whole.replace("\n", "\r\n")):
        made = DkimSigner.from_pem(text, domain="Example.com", selector="s")
        assert made.record[1] == SIGNERS[algorithm].record[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a private key in PEM"),
        ("c2VjcmV0c2VjcmV0", "not a private key in PEM"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a private key in PEM"),
        (pem(RSA, b"secret"), "without a passphrase"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "of another kind"),
        (pem(short_key()), "take 2048"),
        (
            RSA.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ).decode(),
            "not a private key in PEM",
        ),
    ],
    ids=["none", "no_pem", "broken", "encrypted", "elliptic", "short", "public"],
)  # fmt: skip
def test_a_wrong_key_is_refused_and_not_shown(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as info:
        DkimSigner.from_pem(text, domain="example.com", selector="s")
    assert "`dkim`" in str(info.value)
    assert not text or text not in str(info.value)
    assert info.value.__cause__ is None


@pytest.mark.parametrize("names", [("", "s"), ("example.com", ""), ("exa mple.com", "s"), ("example.com", "s;h=x")])
def test_a_domain_and_a_selector_are_names(names: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"must be a DNS name"):
        DkimSigner.from_pem(pem(ED), domain=names[0], selector=names[1])


@pytest.mark.parametrize(
    ("sender", "is_covered"),
    [("a@example.com", True), ("a@News.example.com", True), ("a@badexample.com", False), ("a@other.test", False)],
)
def test_a_key_of_another_domain_is_refused_before_anything_is_sent(sender: str, is_covered: bool) -> None:
    def open_channel() -> SmtpChannel:
        target = SmtpTarget(host="127.0.0.1", port=1)
        return SmtpChannel(target, sender=f"Shop <{sender}>", signer=SIGNERS["rsa-sha256"])

    if is_covered:
        open_channel()
    else:
        with pytest.raises(ConfigurationError, match=r"signs for example\.com"):
            open_channel()


def test_a_signer_shows_no_key() -> None:
    assert "key" not in repr(SIGNERS["rsa-sha256"])
