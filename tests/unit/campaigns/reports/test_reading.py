"""Bounces and complaints as servers write them are understood, what proves nothing is not believed, nothing raises."""

from __future__ import annotations

import base64
import datetime as dt
import random
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bounce_mails import BOUNCES, MAILS, OTHERS, RETURNED, arf, dsn, fill_in
from campaign_shop import RING
from marketflow.campaigns.delivery.verp import envelope_sender
from marketflow.campaigns.reports.codes import judge
from marketflow.campaigns.reports.parts import MAX_BYTES, MailRefused, parse
from marketflow.campaigns.reports.proof import Finder
from marketflow.campaigns.reports.reading import Reading, read_mail
from marketflow.privacy import generate_key_ring, unsubscribe_token
from marketflow.privacy.keys import KeyRing

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
SEND = 4711
ID = f"{'0a' * 16}@example.com"
FINDER = Finder(RING, BOUNCES)
STRANGER = KeyRing.from_json(generate_key_ring())


def about(text: str, keys: KeyRing = RING) -> bytes:
    return fill_in(
        text, verp=envelope_sender(keys, BOUNCES, SEND), recipient="somebody@example.org", message_id=ID,
        link=f"https://edge.test/u/{unsubscribe_token(keys, SEND)}",
    )  # fmt: skip


def read(text: str | bytes, finder: Finder = FINDER) -> Reading:
    return read_mail(text if isinstance(text, bytes) else about(text), finder, NOW)


@pytest.mark.parametrize(("text", "kind", "code"), MAILS.values(), ids=MAILS)
def test_mails_of_servers(text: str, kind: str, code: str | None) -> None:
    found = read(text)
    assert found.why == kind
    if kind in ("delayed", "about_us", "no_complaint"):
        assert (found.sort, found.report) == ("nothing", None)
        return
    report = found.report
    assert report is not None
    assert (found.sort, report.kind, report.send_id, report.message_id, report.code) == (
        "report",
        kind,
        SEND,
        None,
        code,
    )
    assert report.occurred_at in (NOW - dt.timedelta(minutes=30), NOW - dt.timedelta(minutes=15), NOW)


@pytest.mark.parametrize(("text", "sort", "why"), OTHERS.values(), ids=OTHERS)
def test_mails_that_report_nothing(text: str, sort: str, why: str) -> None:
    assert read(text) == Reading(sort, why)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [n for n, m in MAILS.items() if m[1] in ("bounce_hard", "complaint")])
def test_without_a_proof_nobody_is_shut_out(name: str) -> None:
    """A forger knows the message's id and the bounce address; our keys he does not."""
    text = MAILS[name][0].replace("$RCPT", "another@example.org")
    found = read_mail(about(text, STRANGER), FINDER, NOW)
    if found.report is not None:  # it counts only if the message was sent to the address that the mail says
        assert (found.report.send_id, found.report.message_id) == (None, ID)
        assert found.report.recipient_hash in (
            RING.keyed_hash("another@example.org"),
            RING.keyed_hash("somebody@example.org"),
        )
    else:
        assert found in (Reading("unclear", "no_proof"), Reading("other", "other_mail"))


def test_the_link_in_the_returned_headers_proves_as_much_as_the_envelope_sender() -> None:
    text = dsn(to="shop@example.com").replace("$VERP", "shop@example.com")
    for finder in (FINDER, Finder(RING)):
        found = read(text, finder).report
        assert found is not None
        assert found.send_id == SEND
    assert read(dsn(to="shop@example.com", returned="Subject: x\n")) == Reading("unclear", "no_proof")


@pytest.mark.parametrize(
    "returned",
    [
        "Subject: Re: Thank you\n\n> unsubscribe: <$LINK>\n> List-Unsubscribe: <$LINK>\nList-Unsubscribe: <$LINK>\n",
        "Subject: <$LINK>\n",
        "X-List-Unsubscribe: <$LINK>\n",
    ],
)
def test_a_link_in_a_text_proves_nothing(returned: str) -> None:
    """It is in mails that were passed on, and in answers that quote them."""
    text = dsn(to="shop@example.com", returned=returned, words="Out of my way: <$LINK>\nList-Unsubscribe: <$LINK>")
    assert read(text.replace("$VERP", "shop@example.com")) == Reading("unclear", "no_proof")


def test_a_folded_link_in_a_text_with_what_came_back_proves() -> None:
    """qmail and Exim write no parts: what came back stands below their words."""
    text = (
        "From: MAILER-DAEMON@mx.example.net\nTo: shop@example.com\n\nHi. This is the qmail-send program at mx.example.net."
        "\nI'm afraid I wasn't able to deliver your message.\n\n<$RCPT>:\n550 5.1.1 User unknown\n\n"
        "--- Below this line is a copy of the message.\n\nSubject: x\nList-Unsubscribe:\n <$LINK>\n\nHello\n"
    )
    found = read(text).report
    assert found is not None
    assert (found.kind, found.send_id) == ("bounce_hard", SEND)
    assert read(text.replace("List-Unsubscribe:\n", "Unsubscribe:\n")).report is None


def test_a_message_id_counts_beside_the_address_it_was_sent_to() -> None:
    text = dsn(to="shop@example.com", returned="Message-ID: <$ID>\n")
    found = read(text).report
    assert found is not None
    assert (found.send_id, found.message_id) == (None, ID)
    assert found.recipient_hash == RING.keyed_hash("somebody@example.org")
    original = text.replace(
        "Final-Recipient: rfc822; $RCPT",
        "Original-Recipient: rfc822;$RCPT\nFinal-Recipient: rfc822; forwarded@example.net",
    )
    assert read(original) == read(text)
    assert read(text.replace("rfc822; $RCPT", "rfc822; no address")) == Reading("unclear", "no_proof")


def test_parts_in_base64_are_read() -> None:
    head, _, rest = about(dsn()).partition(b"Content-Type: message/delivery-status\n\n")
    status, _, tail = rest.partition(b"\n--4F1D2")
    coded = base64.encodebytes(status)
    found = read(
        head
        + b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
        + coded
        + b"\n--4F1D2"
        + tail
    )
    assert found.why == "bounce_hard"


def test_a_report_in_a_wrapper_of_a_list_is_read() -> None:
    inner = about(dsn()).decode()
    wrapped = (
        "From: x\nContent-Type: multipart/mixed; boundary=w\n\n--w\n"
        + inner[inner.index("Content-Type: multipart/report") :]
        + "\n--w--\n"
    )
    assert read(wrapped.encode()).why == "bounce_hard"


BOMBS: dict[str, bytes] = {
    "deep nesting": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000)),
    "many parts": b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\n\nx\n" * 15_000,
    "many fields": b"X: y\n" * 25_000 + b"\n",
    "one long field": b"Subject: " + b"x" * 10_000_000,
    "folded for ever": b"Subject: x\n" + b" y\n" * 3_000_000,
    "huge": b"Content-Type: multipart/report; boundary=b\n\n--b\n\n" + b"x" * 50_000_000,
    "empty lines": b"From: MAILER-DAEMON@x\n\n" + b"\n" * 5_000_000,
    "dashes": b"From: MAILER-DAEMON@x\n\n" + b"- " * 2_000_000,
    "numbers": b"From: MAILER-DAEMON@x\n\n" + b"5.1." * 2_000_000,
    "digits": b"From: MAILER-DAEMON@x\n\n" + b"5" * 5_000_000,
    "tags": b"From: MAILER-DAEMON@x\nContent-Type: text/html\n\n" + b"<" * 5_000_000,
    "boundaries that are none": b"Content-Type: multipart/report; boundary=b\n\n" + b"--b x\n" * 500_000,
    "boundaries with spaces": b"Content-Type: multipart/report; boundary=b\n\n" + b"--b" + b" " * 2_000_000,
    "nested boundaries that are the same": b"Content-Type: multipart/a; boundary=b\n\n" + b"--b\nContent-Type: multipart/a; boundary=b\n\n" * 5_000,
    "a zip in base64": b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n" + b"UEsDBAoAAAAA" * 500_000,
    "quoted-printable": b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: quoted-printable\n\n" + b"=3D=\n" * 500_000,
    "tokens": b"To: " + b"bounces+aaaaaaaaaaaaaaaaaaaa@example.com " * 10_000 + b"\n\n" + b"/u/a.aaaaaaaaaaaaaaaaaaaaaa" * 10_000,
    "groups": b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n" + b"Final-Recipient: x\nAction: failed\n\n" * 100_000,
    "NULs": b"\0" * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_mail_bomb_costs_little_and_is_no_report(name: str) -> None:
    data = BOMBS[name]
    tracemalloc.start()
    start = time.process_time()
    found = read(data)
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.report is None
    assert found.sort in ("unclear", "other")
    assert peak < 60 * MAX_BYTES
    assert seconds < 3  # a quadratic one takes minutes


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(MailRefused, match="too_many_parts"):
        parse(BOMBS["many parts"])
    assert read(BOMBS["many parts"]) == Reading("unclear", "too_many_parts")


def test_parts_within_parts_count_as_well() -> None:
    inner = b"--i\n\nx\n" * 20
    whole = b"Content-Type: multipart/mixed; boundary=o\n\n" + b"".join(
        b"--o\nContent-Type: multipart/mixed; boundary=i\n\n" + inner for _ in range(20)
    )
    with pytest.raises(MailRefused, match="too_many_parts"):
        parse(whole)


def broken(text: bytes, dice: random.Random) -> bytes:
    """Cut, doubled, with bytes and lines of its own in other places."""
    data = bytearray(text)
    for _ in range(dice.randrange(1, 12)):
        at, end = sorted(dice.randrange(len(data) + 1) for _ in range(2))
        end = min(end, at + dice.choice([1, 20, 400]))
        piece = bytes(data[at:end])
        match dice.randrange(4):
            case 0:
                del data[at:end]
            case 1:
                data[at:at] = piece * dice.randrange(1, 4)
            case 2:
                data[at:end] = bytes(dice.randrange(256) for _ in range(end - at))
            case _:
                data[at:at] = dice.choice(
                    [b"\n\n", b"\r", b"--4F1D2.1795336200/mx.example.net--\n", b"\n--b\n", b"=", b"\xe4\xb8"]
                )
    return bytes(data)


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([t for t, *_ in MAILS.values()]))
def test_a_broken_mail_is_read_or_not_but_never_raises(dice: Any, text: str) -> None:
    found = read(broken(about(text), dice))
    assert found.sort in ("report", "nothing", "unclear", "other")
    assert (found.report is not None) == (found.sort == "report")
    if found.report is not None:
        assert found.report.send_id in (None, SEND)


@given(st.binary(max_size=2_000))
def test_any_bytes_never_raise(data: bytes) -> None:
    for head in (b"", b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"):
        assert read(head + data).report is None


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Nov 2026 08:30:00 +0000", "Sun, 22 Nov 99999 08:30:00", "1 Jan 1 00:00:00 +9999", "Sun, 22 Nov 2030 08:30:00 +0000", "Sun, 22 Nov 1998 08:30:00 +0000"])  # fmt: skip
def test_a_time_that_is_none_is_now(date: str) -> None:
    found = read(dsn().replace("Sun, 22 Nov 2026 08:30:00 +0000", date)).report
    assert found is not None
    assert found.occurred_at == NOW


def test_a_report_shows_nothing_personal() -> None:
    for text, *_ in MAILS.values():
        assert "somebody" not in repr(read(text))


@pytest.mark.parametrize(
    ("status", "words", "code", "verdict"),
    [
        ("5.1.1", "", "5.1.1", "bounce_hard"), ("5.1.01", "", "5.1.1", "bounce_hard"), ("", "550 5.1.1 no", "5.1.1", "bounce_hard"),
        ("5.0.0", "550 no such user", "550", "bounce_hard"), ("5.0.0", "550 no", "550", "bounce_soft"), ("", "", None, "bounce_soft"),
        ("5.1.4", "", "5.1.4", "bounce_soft"), ("5.6.1", "", "5.6.1", "about_us"), ("4.7.0", "", "4.7.0", "about_us"),
        ("9.1.1", "", None, "bounce_soft"), ("", "192.0.2.7 5.1.1.5", None, "bounce_soft"), ("", "150 5500 ", None, "bounce_soft"),
    ],
)  # fmt: skip
def test_codes(status: str, words: str, code: str | None, verdict: str) -> None:
    found = judge(status, words)
    assert (found.text, found.verdict) == (code, verdict)


def test_the_reports_of_tests_say_what_they_mean() -> None:
    assert "$VERP" in RETURNED
    assert b"multipart/report" in about(arf())
