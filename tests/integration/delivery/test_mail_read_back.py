"""Shows 4: a mail as a real SMTP server got it, read with others' code."""
# ruff: noqa: RUF001  (Chinese has signs of its own for comma and exclamation mark)

from __future__ import annotations

import datetime as dt
import email.policy
import json
import re
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import dkim
import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from ledger_fixture import DEFINITION, KEYS, HandClock, fill, options
from marketflow.campaigns.delivery import DkimSigner, SmtpChannel, SmtpTarget, bounced_send, deliver
from marketflow.privacy import read_bounce_token, read_unsubscribe_token
from marketflow.shared.ids import PROVIDER_ARGUMENT
from marketflow.warehouse import connect
from smtp_server import SmtpServer

SENDER = "谢谢商店 <shop@example.com>"
NAME, PRODUCT = "李小龙", "茉莉花茶 🍵"
TEMPLATES = {
    "subject": "{{ given_name }}，谢谢你的订单 🎉 — danke, thank you, et merci beaucoup à vous",
    "text": "{{ given_name }} 你好！\n.\n..leading dots\nFrom here on: {% for p in products %}{{ p.name }}{% endfor %} 👩‍👩‍👧\n"
    + "plain words in a long row, ünd some öthers\n" * 12
    + "{{ unsubscribe_url }}\n",
    "html": "<p>{{ given_name }} 你好！ 🎉  two blanks \t</p>\n" + "<p>plain words in a long row</p>\n" * 30
    + "<p>{% for p in products %}{{ p.name }}{% endfor %}</p><a href='{{ unsubscribe_url }}'>退订</a>",
}  # fmt: skip


def signer(kind: str) -> DkimSigner:
    key: Any = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if kind == "rsa-sha256"
        else ed25519.Ed25519PrivateKey.generate()
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return DkimSigner.from_pem(key.private_bytes(*form).decode(), domain="example.com", selector="nov26")


@pytest.mark.parametrize("kind", ["rsa-sha256", "ed25519-sha256"])
def test_a_mail_read_back_passes_dkim_rfc_8058_and_mime_with_its_words(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path, kind: str
) -> None:
    """DKIM by dkimpy, one-click unsubscribe, MIME without defects, CJK and emoji in subject and body, VERP."""
    conn.execute(
        "INSERT INTO marts.products (product_id, product_ref, product_name, is_recommendable) VALUES (1, 'p1', %s, true)",
        [PRODUCT],
    )
    filled = fill(conn, 3, names=[NAME] * 3, definition={**DEFINITION, "templates": TEMPLATES}, product_ids=[1])
    signs = signer(kind)
    with SmtpServer(tmp_path / "accepted") as server:
        channel = SmtpChannel(SmtpTarget(host="127.0.0.1", port=server.port), sender=SENDER, signer=signs, timeout=5)
        told = options(bounce_address="bounces@example.com", tells_sendgrid=True)
        assert deliver(lambda: connect(warehouse_dsn), channel, keys=KEYS, clock=HandClock(), options=told).sent == 3
    senders = [s or "" for s in server.handler.senders]
    assert [bounced_send(KEYS, "bounces@example.com", s) for s in senders] == filled.send_ids
    for body, send_id, address in zip(server.handler.bodies, filled.send_ids, filled.addresses, strict=True):
        assert verifies(body, signs)
        found = read(body)
        check_words(found, address)
        check_one_click(found, body, send_id)
        [(name, token)] = json.loads(found["X-SMTPAPI"])["unique_args"].items()
        assert (name, read_bounce_token(KEYS, token)) == (PROVIDER_ARGUMENT, send_id)


def verifies(body: bytes, signs: DkimSigner) -> bool:
    name, text = signs.record

    def look_up(asked: bytes, timeout: int = 5) -> bytes | None:
        assert timeout > 0
        return text.encode() if asked == f"{name}.".encode() else None

    return bool(dkim.verify(body, dnsfunc=look_up))


def read(body: bytes) -> EmailMessage:
    found = BytesParser(policy=email.policy.SMTP).parsebytes(body)
    assert isinstance(found, EmailMessage)
    for part in found.walk():
        assert part.defects == []
        assert [header.defects for header in part.values() if header.defects] == []
    return found


def check_words(found: EmailMessage, address: str) -> None:
    assert str(found["Subject"]) == f"{NAME}，谢谢你的订单 🎉 — danke, thank you, et merci beaucoup à vous"
    [to], [sender] = found["To"].addresses, found["From"].addresses
    assert (to.display_name, to.addr_spec) == (NAME, address)
    assert (sender.display_name, sender.addr_spec) == ("谢谢商店", "shop@example.com")
    parts = {p.get_content_type(): p.get_content().replace("\r\n", "\n") for p in found.iter_parts()}
    assert list(parts) == ["text/plain", "text/html"]
    assert parts["text/plain"].startswith(
        f"{NAME} 你好！\n.\n..leading dots\nFrom here on: {PRODUCT} 👩‍👩‍👧\nplain words"
    )
    assert parts["text/html"].startswith(f"<p>{NAME} 你好！ 🎉  two blanks \t</p>\n<p>plain words")
    assert f"<p>{PRODUCT}</p>" in parts["text/html"]


def check_one_click(found: EmailMessage, body: bytes, send_id: int) -> None:
    """RFC 8058, 3.1: one https link, the other header word by word, both once, and both signed."""
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.fullmatch(r"<(https://edge\.test/u/([\w.-]+))>", found["List-Unsubscribe"])
    assert link is not None
    assert read_unsubscribe_token(KEYS, link[2]) == send_id
    head = body.partition(b"\r\n\r\n")[0].lower()
    assert head.count(b"\r\nlist-unsubscribe:") == head.count(b"\r\nlist-unsubscribe-post:") == 1
    signed = str(found["DKIM-Signature"]).replace(" ", "").partition(";h=")[2].partition(";")[0].split(":")
    assert {"list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id"} <= set(signed)
    assert found["Date"].datetime == dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)


def test_without_a_bounce_address_the_sender_hears_of_bounces(
    conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path
) -> None:
    fill(conn, 2)
    with SmtpServer(tmp_path / "accepted") as server:
        channel = SmtpChannel(SmtpTarget(host="127.0.0.1", port=server.port), sender=SENDER, timeout=5)
        deliver(lambda: connect(warehouse_dsn), channel, keys=KEYS, clock=HandClock(), options=options())
    assert server.handler.senders == ["shop@example.com"] * 2
    assert b"dkim-signature" not in server.handler.bodies[0].lower()


def test_an_international_domain_gets_its_mail(conn: psycopg.Connection, warehouse_dsn: str, tmp_path: Path) -> None:
    filled = fill(conn, 2)
    sealed = KEYS.encrypt("zoe@bücher.example", "email")
    conn.execute(
        "UPDATE core.contact_points SET address = %s WHERE contact_point_id = %s", [sealed, filled.contact_ids[0]]
    )
    conn.commit()
    with SmtpServer(tmp_path / "accepted") as server:
        channel = SmtpChannel(SmtpTarget(host="127.0.0.1", port=server.port), sender=SENDER, timeout=5)
        assert (
            deliver(lambda: connect(warehouse_dsn), channel, keys=KEYS, clock=HandClock(), options=options()).sent == 2
        )
    assert server.recipients == ["zoe@xn--bcher-kva.example", filled.addresses[1]]
