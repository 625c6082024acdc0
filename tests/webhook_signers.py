"""Providers for tests: what Amazon SNS and SendGrid send, signed with keys of our own."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import time
import uuid
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

TOPIC = "arn:aws:sns:eu-central-1:123456789012:bounces"
CERTIFICATE = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class Amazon:
    """A topic that signs; `get` serves its certificate, and counts what it is asked for."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        made = (
            x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(days=20_000))
            .sign(self.key, hashes.SHA256())
        )
        self.pem = made.public_bytes(Encoding.PEM)
        self.asked: list[str] = []
        self.is_away = False

    async def get(self, url: str) -> bytes:
        self.asked.append(url)
        await asyncio.sleep(0.01)  # others come meanwhile
        if self.is_away:
            raise OSError("away")
        return self.pem

    def sign(self, message: dict[str, Any]) -> bytes:
        text = "".join(f"{name}\n{message[name]}\n" for name in SIGNED if message.get(name) is not None)
        version = message.setdefault("SignatureVersion", "2")
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), algorithm)
        return json.dumps(
            {"SigningCertURL": CERTIFICATE, **message, "Signature": base64.b64encode(signature).decode()}
        ).encode()

    def notify(self, event: Any, **changes: Any) -> bytes:
        """A notification with an event of SES, or any text, as its message."""
        return self.sign({
            "Type": "Notification", "MessageId": str(uuid.uuid4()), "TopicArn": TOPIC, "Timestamp": "2026-11-22T08:59:00.000Z",
            "Message": event if isinstance(event, str) else json.dumps(event), **changes,
        })  # fmt: skip

    def subscribe(self, **changes: Any) -> bytes:
        url = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
        return self.sign({
            "Type": "SubscriptionConfirmation", "MessageId": str(uuid.uuid4()), "TopicArn": TOPIC, "Token": "abc",
            "Message": "You have chosen to subscribe", "SubscribeURL": url, "Timestamp": "2026-11-22T08:59:00.000Z", **changes,
        })  # fmt: skip


def mail(message_id: str, source: str = "shop@example.com") -> dict[str, Any]:
    """The `mail` of an event: SES has sent the message under an id of its own."""
    return {
        "timestamp": "2026-11-22T08:58:00.000Z", "source": source, "messageId": "0102018f-0000-EXAMPLE-000000",
        "destination": ["somebody@example.com"], "headersTruncated": False,
        "headers": [
            {"name": "From", "value": "Test Shop <shop@example.com>"}, {"name": "To", "value": "somebody@example.com"},
            {"name": "Message-ID", "value": f"<{message_id}>"},
        ],
        "commonHeaders": {"from": ["Test Shop <shop@example.com>"], "messageId": f"<{message_id}>"},
    }  # fmt: skip


def bounce(
    message_id: str, kind: str = "Permanent", subtype: str = "General", status: str | None = "5.1.1"
) -> dict[str, Any]:
    recipient = {
        "emailAddress": "somebody@example.com",
        "action": "failed",
        "diagnosticCode": "smtp; 550 somebody@example.com",
    }
    return {
        "notificationType": "Bounce", "mail": mail(message_id),
        "bounce": {
            "bounceType": kind, "bounceSubType": subtype, "timestamp": "2026-11-22T08:59:00.000Z",
            "bouncedRecipients": [recipient | ({"status": status} if status else {})], "feedbackId": str(uuid.uuid4()),
        },
    }  # fmt: skip


def complaint(message_id: str, kind: str = "abuse") -> dict[str, Any]:
    return {
        "notificationType": "Complaint", "mail": mail(message_id),
        "complaint": {"complaintFeedbackType": kind, "timestamp": "2026-11-22T08:59:30.000Z",
                      "complainedRecipients": [{"emailAddress": "somebody@example.com"}]},
    }  # fmt: skip


def delivery(message_id: str) -> dict[str, Any]:
    return {
        "eventType": "Delivery", "mail": mail(message_id),
        "delivery": {"timestamp": "2026-11-22T08:58:30.000Z", "recipients": ["somebody@example.com"], "smtpResponse": "250 ok"},
    }  # fmt: skip


class Twilio:
    """SendGrid's signature of its webhook."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = base64.b64encode(public).decode()

    def headers(self, body: bytes, at: float | None = None) -> dict[str, str]:
        told = str(int(time.time() if at is None else at))
        signature = self.key.sign(told.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": told,
        }


DELIVERY_EVENTS = ("processed", "dropped", "delivered", "deferred", "bounce")


def event(message_id: str, kind: str, **more: Any) -> dict[str, Any]:
    """An event as SendGrid's reference has it: the Message-ID comes with events of delivery, with no others."""
    named = {"smtp-id": f"<{message_id}>"} if kind in DELIVERY_EVENTS else {}
    return {
        "email": "somebody@example.com", "timestamp": 1_795_337_940, **named, "event": kind, "category": ["news"],
        "sg_event_id": uuid.uuid4().hex, "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0", **more,
    }  # fmt: skip


def late_bounce(email: str, **more: Any) -> dict[str, Any]:
    """A bounce that came back to SendGrid by mail: no Message-ID, no unique argument, an empty `sg_message_id`."""
    return {
        "email": email, "timestamp": 1_795_337_940, "event": "bounce", "type": "bounce", "status": "5.1.10",
        "reason": f"550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {email} not found by SMTP address lookup",
        "sg_event_id": uuid.uuid4().hex, "sg_message_id": "", **more,
    }  # fmt: skip
