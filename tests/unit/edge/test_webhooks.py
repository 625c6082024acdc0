"""What is signed by Amazon and SendGrid is read; what is not, is not believed, whatever stands in it."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_shop import RING
from marketflow.edge.webhooks import Forged, NotNow, Report, SendGrid, Ses, read_topics
from marketflow.edge.webhooks.sendgrid import SIGNATURE, TIMESTAMP
from marketflow.privacy import bounce_token
from marketflow.shared import Clock, ConfigurationError
from marketflow.shared.ids import PROVIDER_ARGUMENT
from webhook_signers import CERTIFICATE, TOPIC, Amazon, Twilio, bounce, complaint, delivery, event, late_bounce, mail

CLOCK = Clock(time_zone=ZoneInfo("UTC"))
ID = f"{'0a' * 16}@example.com"
AMAZON, TWILIO = Amazon(), Twilio()
AT = dt.datetime(2026, 11, 22, 8, 59, tzinfo=dt.UTC)


def ses(amazon: Amazon = AMAZON) -> Ses:
    return Ses([TOPIC], RING, CLOCK, bounce_address="bounces@example.com", fetch=amazon.get)


def taken(provider: Any, body: bytes, headers: dict[str, str] | None = None) -> list[Report]:
    async def both() -> list[Report]:
        await provider.verify({name.lower(): value for name, value in (headers or {}).items()}, body)
        return list(await provider.read(body))

    return asyncio.run(both())


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "Amazon SES Email Event Notification", "错误 🎉"])
def test_a_bounce_that_amazon_has_signed(version: str, subject: str | None) -> None:
    body = AMAZON.notify(bounce(ID), SignatureVersion=version, Subject=subject)
    assert taken(ses(), body) == [Report(outcome="bounced", at=AT, message_id=ID, code="5.1.1")]


FORGERIES: dict[str, dict[str, Any]] = {
    "another text": {"Message": json.dumps(complaint(ID))},
    "another subject": {"Subject": "x"},
    "another topic": {"TopicArn": TOPIC + "2"},
    "a topic that is a list": {"TopicArn": [TOPIC]},
    "no signature": {"Signature": ""},
    "a signature that is none": {"Signature": "###"},
    "an unknown version": {"SignatureVersion": "3"},
    "the other version": {"SignatureVersion": "1"},
    "an unknown type": {"Type": "Order"},
    "a text that is none": {"Message": {"a": 1}},
    "no time": {"Timestamp": None},
    "a certificate of somebody": {"SigningCertURL": "https://sns.eu-central-1.amazonaws.com.evil.test/a.pem"},
    "a certificate of another region": {"SigningCertURL": "https://sns.us-east-1.amazonaws.com/a.pem"},
    "a certificate without TLS": {"SigningCertURL": CERTIFICATE.replace("https", "http")},
    "a certificate behind a user": {"SigningCertURL": "https://sns.eu-central-1.amazonaws.com@evil.test/a.pem"},
    "a certificate at a port": {"SigningCertURL": "https://sns.eu-central-1.amazonaws.com:81/a.pem"},
    "a certificate that is a bucket": {"SigningCertURL": "https://s3.eu-central-1.amazonaws.com/evil/a.pem"},
    "a certificate with a backslash": {"SigningCertURL": "https://evil.test\\@sns.eu-central-1.amazonaws.com/a.pem"},
    "a certificate that is none": {"SigningCertURL": "https://sns.eu-central-1.amazonaws.com/?Action=x"},
    "a certificate with a query": {"SigningCertURL": f"{CERTIFICATE}?made-up=1"},
    "a certificate with an empty query": {"SigningCertURL": f"{CERTIFICATE}?"},
    "a certificate with parameters": {"SigningCertURL": f"{CERTIFICATE};made-up=1"},
    "a certificate with an empty fragment": {"SigningCertURL": f"{CERTIFICATE}#"},
    "a certificate in a bracket": {"SigningCertURL": "https://[sns.eu-central-1.amazonaws.com/a.pem"},
}  # fmt: skip


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
def test_what_is_changed_is_not_believed(change: dict[str, Any]) -> None:
    amazon = Amazon()
    body = json.dumps(json.loads(amazon.notify(bounce(ID))) | change).encode()
    with pytest.raises(Forged):
        taken(ses(amazon), body)
    assert set(amazon.asked) <= {CERTIFICATE}


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"{}", b'{"Type":"Notification"}'])
def test_what_is_no_message_of_sns_is_not_believed(body: bytes) -> None:
    with pytest.raises(Forged):
        taken(ses(), body)


def test_another_key_is_not_believed() -> None:
    with pytest.raises(Forged):
        taken(ses(), Amazon().notify(bounce(ID)))


def test_a_certificate_is_asked_for_once_and_who_makes_up_addresses_gets_few() -> None:
    amazon = Amazon()

    async def run() -> list[str]:
        provider, found = ses(amazon), []
        await asyncio.gather(*(provider.verify({}, amazon.notify(bounce(ID))) for _ in range(20)))
        assert amazon.asked == [CERTIFICATE]
        for n in range(50):
            url = f"https://sns.eu-central-1.amazonaws.com/made-up-{n}.pem"
            try:
                await provider.verify({}, Amazon().notify(bounce(ID), SigningCertURL=url))
            except (Forged, NotNow) as error:
                found.append(type(error).__name__)
        await provider.verify({}, amazon.notify(bounce(ID)))  # who is known goes on
        return found

    found = asyncio.run(run())
    assert (len(amazon.asked), found.count("Forged"), found.count("NotNow")) == (10, 9, 41)


def test_amazon_shall_try_again_while_its_certificate_cannot_be_had() -> None:
    amazon, provider = Amazon(), None
    provider, amazon.is_away = ses(amazon), True
    with pytest.raises(NotNow):
        taken(provider, amazon.notify(bounce(ID)))
    amazon.is_away = False
    assert len(taken(ses(amazon), amazon.notify(bounce(ID)))) == 1


@pytest.mark.parametrize("pem", [b"", b"not a certificate"])
def test_what_is_no_certificate_proves_nothing(pem: bytes) -> None:
    amazon = Amazon()
    amazon.pem = pem
    with pytest.raises(Forged):
        taken(ses(amazon), amazon.notify(bounce(ID)))


def test_a_subscription_of_our_topic_is_confirmed_and_no_other() -> None:
    amazon = Amazon()
    provider = ses(amazon)
    assert taken(provider, amazon.subscribe()) == []
    assert amazon.asked == [CERTIFICATE, "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"]
    assert provider.counts == {"confirmed": 1}
    for change in (
        {"TopicArn": TOPIC + "2"},
        {"SubscribeURL": "https://evil.test/?Token=abc"},
        {"SubscribeURL": "http://169.254.169.254/latest"},
        {"SubscribeURL": "https://sns.eu-central-1.amazonaws.com/elsewhere?x"},
    ):
        with pytest.raises(Forged):
            taken(ses(amazon), amazon.subscribe(**change))
    assert {url for url in amazon.asked if "ConfirmSubscription" not in url} == {CERTIFICATE}
    assert taken(ses(amazon), amazon.subscribe(Type="UnsubscribeConfirmation")) == []


EVENTS: dict[str, tuple[dict[str, Any], tuple[str, str | None] | None]] = {
    "permanent": (bounce(ID), ("bounced", "5.1.1")),
    "permanent without a code": (bounce(ID, subtype="OnAccountSuppressionList", status=None), ("bounced", None)),
    "mailbox full": (bounce(ID, "Transient", "MailboxFull", "4.2.2"), ("bounce_soft", "4.2.2")),
    "contents": (bounce(ID, "Transient", "ContentRejected", "5.7.1"), ("about_us", "5.7.1")),
    "undetermined": (bounce(ID, "Undetermined", "Undetermined", None), ("bounce_soft", None)),
    "a code with words": (bounce(ID, status="5.1.1 somebody@example.com"), ("bounced", "5.1.1")),
    "complaint": (complaint(ID), ("complaint", None)),
    "not spam": (complaint(ID, "not-spam"), None),
    "delivery": (delivery(ID), ("delivered", None)),
    "event of a bounce": ({k: v for k, v in bounce(ID).items() if k != "notificationType"} | {"eventType": "Bounce"}, ("bounced", "5.1.1")),
    "open": ({"eventType": "Open", "mail": mail(ID)}, None),
    "delay": ({"eventType": "DeliveryDelay", "mail": mail(ID), "deliveryDelay": {}}, None),
    "reject": ({"eventType": "Reject", "mail": mail(ID), "reject": {"reason": "Bad content"}}, None),
    "without anything": ({"notificationType": "Bounce", "mail": mail(ID)}, ("bounce_soft", None)),
    "of others": (bounce("0102018f-0000@eu-central-1.amazonses.com"), ("bounced", "5.1.1")),
    "a delivery of others": (delivery("0102018f-0000@eu-central-1.amazonses.com"), None),
    "odd": ({"notificationType": ["Bounce"], "mail": 7}, None),
    "odder": ({"notificationType": "Bounce", "mail": mail(ID), "bounce": {"bounceSubType": [1], "bouncedRecipients": [[]], "timestamp": 5}}, ("bounce_soft", None)),
}  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), EVENTS.values(), ids=EVENTS)
def test_events_of_ses(told: dict[str, Any], expected: tuple[str, str | None] | None) -> None:
    found = taken(ses(), AMAZON.notify(told))
    assert [(r.outcome, r.code) for r in found] == ([expected] if expected else [])
    assert "somebody" not in json.dumps([r.fact() for r in found])


def test_a_message_is_found_by_its_envelope_sender_where_the_headers_are_left_out() -> None:
    told = bounce(ID)
    told["mail"] = {"source": f"bounces+{bounce_token(RING, 4711)}@example.com"}
    assert taken(ses(), AMAZON.notify(told))[0].send_id == 4711
    told["mail"] = {"source": "bounces+aaaaaaaaaaaaaaaaaaaa@example.com"}
    assert taken(ses(), AMAZON.notify(told))[0].send_id is None


def test_without_headers_a_dead_address_is_known_by_its_keyed_hash_and_a_complaint_is_counted() -> None:
    for told, recipient in (
        (bounce(ID), RING.keyed_hash("somebody@example.com")), (complaint(ID), None),
        (bounce(ID, "Permanent", "General", None), RING.keyed_hash("somebody@example.com")),
    ):  # fmt: skip
        told["mail"] = {"source": "shop@example.com"}
        [found] = taken(ses(), AMAZON.notify(told))
        assert (found.send_id, found.message_id, found.recipient_hash) == (None, None, recipient)
    of_others = taken(ses(), AMAZON.notify(bounce("0102018f-0000@eu-central-1.amazonses.com")))
    assert of_others[0].fact().keys() == {"outcome", "at", "code"}
    for told in (delivery(ID), bounce(ID, "Transient", "MailboxFull", "4.2.2")):
        told["mail"] = {"source": "shop@example.com"}
        assert taken(ses(), AMAZON.notify(told)) == []


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["notificationType", "eventType", "mail", "bounce", "headers", "source", "commonHeaders", "delivery"]), x), max_leaves=8))  # fmt: skip
def test_whatever_amazon_signs_is_read_without_an_error(told: Any) -> None:
    taken(ses(), AMAZON.notify(json.dumps(told)))


def test_topics_are_topics() -> None:
    assert read_topics(f" {TOPIC} ,, ") == {TOPIC}
    assert read_topics("") == frozenset()
    with pytest.raises(ConfigurationError, match="MARKETFLOW_SES_TOPICS"):
        read_topics("bounces")


def batch(*events: Any) -> bytes:
    return json.dumps(events).encode()


def test_events_that_sendgrid_has_signed() -> None:
    body = batch(
        event(ID, "delivered"), event(ID, "bounce", type="bounce", status="5.1.1"), event(ID, "bounce", type="blocked", status="5.7.1"),
        event(ID, "dropped", reason="Bounced Address"), event(ID, "dropped", reason="Spam Reporting Address"),
        event(ID, "dropped", reason="Spam Content"), event(ID, "spamreport"), event(ID, "deferred"), event(ID, "open"),
        event("of-others@example.com", "delivered"), "odd", None, {"event": []}, {"event": "delivered", "smtp-id": 7},
        event(ID, "delivered", timestamp=10**30),
    )  # fmt: skip
    found = taken(SendGrid(TWILIO.public_key, RING, CLOCK), body, TWILIO.headers(body))
    assert [(r.outcome, r.code) for r in found] == [
        ("delivered", None), ("bounced", "5.1.1"), ("about_us", None), ("bounced", None), ("complaint", None),
        ("complaint", None), ("delivered", None),
    ]  # fmt: skip
    assert found[0].at == dt.datetime.fromtimestamp(1_795_337_940, dt.UTC)
    assert "somebody" not in json.dumps([r.fact() for r in found])


TOKEN = {PROVIDER_ARGUMENT: bounce_token(RING, 4711)}


@pytest.mark.parametrize(
    ("told", "send_id", "message_id", "recipient"),
    [
        (event(ID, "spamreport", **TOKEN), 4711, None, None),
        (event(ID, "bounce", type="bounce", **TOKEN), 4711, None, None),
        (event("-g6-N0riQ3WNhvp9aBJpfQ@ismtpd.test", "bounce", type="bounce", **TOKEN), 4711, None, None),
        (event(ID, "bounce", type="bounce", **{PROVIDER_ARGUMENT: "a" * 18}), None, ID, None),
        (event(ID, "bounce", type="bounce", **{PROVIDER_ARGUMENT: [7]}), None, ID, None),
        (late_bounce("Somebody@Example.com"), None, None, RING.keyed_hash("somebody@example.com")),
        (late_bounce("no address"), None, None, None),
        (late_bounce("x", **{"smtp-id": "<of-others@example.com>"}), None, None, None),
        (event(ID, "spamreport"), None, None, None),
        (event("of-others@example.com", "dropped", reason="Bounced Address"), None, None, None),
    ],
    ids=["complaint", "bounce", "its Message-ID is another", "a forged token", "no token", "late", "late, of nobody",
         "of others", "a complaint without a token", "dropped, of others"],
)  # fmt: skip
def test_which_message_an_event_of_sendgrid_is_about(
    told: dict[str, Any], send_id: int | None, message_id: str | None, recipient: bytes | None
) -> None:
    body = batch(told)
    [found] = taken(SendGrid(TWILIO.public_key, RING, CLOCK), body, TWILIO.headers(body))
    assert (found.send_id, found.message_id, found.recipient_hash) == (send_id, message_id, recipient)
    assert "omebody" not in json.dumps(found.fact())


@pytest.mark.parametrize("body", [b"", b"{", b"7", b"{}", b'"a"', b"[[]]"])
def test_a_body_without_events_brings_none(body: bytes) -> None:
    assert taken(SendGrid(TWILIO.public_key, RING, CLOCK), body, TWILIO.headers(body)) == []


def test_what_sendgrid_has_not_signed_is_not_believed() -> None:
    body, now = batch(event(ID, "delivered")), time.time()
    provider = SendGrid(TWILIO.public_key, RING, CLOCK)
    good = TWILIO.headers(body)
    taken(provider, body, good)
    taken(provider, body, TWILIO.headers(body, now - 24 * 3_600))
    for headers in (
        {}, Twilio().headers(body), TWILIO.headers(body + b" "), {**good, TIMESTAMP: str(int(now) + 1)},
        {**good, SIGNATURE: "é"}, {**good, SIGNATURE: base64.b64encode(b"0").decode()}, {**good, TIMESTAMP: "٣"},
        TWILIO.headers(body, now - 26 * 3_600), TWILIO.headers(body, now + 3_600),
    ):  # fmt: skip
        with pytest.raises(Forged):
            taken(
                provider,
                body,
                {name.lower(): value for name, value in good.items()} | {n.lower(): v for n, v in headers.items()}
                if headers
                else {},
            )


@pytest.mark.parametrize("key", ["x", "", base64.b64encode(b"no key").decode(), "é"])
def test_a_key_that_is_none_is_told_at_the_start(key: str) -> None:
    with pytest.raises(ConfigurationError, match="MARKETFLOW_SENDGRID_PUBLIC_KEY"):
        SendGrid(key, RING, CLOCK)
