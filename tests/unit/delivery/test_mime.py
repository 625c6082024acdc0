"""What is written is what a mail reader reads, and nothing that a person wrote becomes a header."""

from __future__ import annotations

import datetime as dt
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mails import HOSTILE, SENDER, message, parsed
from marketflow.campaigns.delivery.mime import MessageRefused, compose, envelope_address, split_sender
from marketflow.shared import ConfigurationError
from marketflow.shared.ids import PROVIDER_ARGUMENT

NAMES = ["To", "From", "Subject", "Date", "Message-ID", "List-Id", "Feedback-ID", "MIME-Version", "Content-Type"]


def read(data: bytes, kind: str) -> str:
    part = parsed(data).get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def flat(text: str) -> str:
    """As a reader sees a header: controls and runs of space are one space."""
    return " ".join(text.split())


def test_all_headers_are_there_and_right() -> None:
    found = parsed(compose(message(), SENDER))
    assert found["From"].addresses[0].addr_spec == "shop@example.com"
    assert found["To"].addresses[0].display_name == "Ada"
    assert [a.addr_spec for a in found["To"].addresses] == ["ada@example.com"]
    assert found["Message-ID"] == "<abc123@example.com>"
    assert found["Date"].datetime == dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC)
    assert found["List-Id"] == "<thank_you.example.com>"
    assert found["List-Unsubscribe"] == "<https://edge.test/u/tok.en-_>"
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found.get_content_type() == "multipart/alternative"
    assert [p.get_content_type() for p in found.iter_parts()] == ["text/plain", "text/html"]  # the best comes last


def test_the_same_message_is_the_same_bytes() -> None:
    assert compose(message(), SENDER) == compose(message(), SENDER)


def test_sendgrid_is_told_a_token_in_a_header_of_its_own() -> None:
    data = compose(message(provider_token="abcdefgh234567"), SENDER)
    assert json.loads(parsed(data)["X-SMTPAPI"]) == {"unique_args": {PROVIDER_ARGUMENT: "abcdefgh234567"}}
    assert max(map(len, data.split(b"\r\n"))) <= 78
    assert b"X-SMTPAPI" not in compose(message(), SENDER)


def test_without_a_link_there_are_no_list_headers_and_without_html_one_part() -> None:
    found = parsed(compose(message(unsubscribe_url=None, html=None), SENDER))
    assert found["List-Unsubscribe"] is None
    assert found["List-Unsubscribe-Post"] is None
    assert found.get_content_type() == "text/plain"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["name", "subject"])
def test_hostile_words_stay_words(place: str, text: str) -> None:
    data = compose(message(**{place: text}), SENDER)
    found = parsed(data)
    assert set(found.keys()) == {*NAMES, "List-Unsubscribe", "List-Unsubscribe-Post"}
    assert [a.addr_spec for a in found["To"].addresses] == ["ada@example.com"]
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998


def test_words_of_all_scripts_arrive() -> None:
    for text in ("李小龙的谢谢", "🎉 Danke 🦄", "مرحبا بالعالم", "Ünïcödé", "ชื่อ"):
        data = compose(message(subject=text * 8, name=text, text=text * 50, html=f"<p>{text * 50}</p>"), SENDER)
        found = parsed(data)
        assert str(found["Subject"]) == text * 8
        assert found["To"].addresses[0].display_name == text
        assert read(data, "plain").strip() == text * 50
        assert read(data, "html").strip() == f"<p>{text * 50}</p>"


def test_a_name_that_is_an_advertisement_is_left_out() -> None:
    for name in ("win at www.evil.test", "https://evil.test", "eve@evil.test"):
        assert b"evil" not in compose(message(name=name), SENDER)


printable = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Co", "Cn", "Zl", "Zp"]), max_size=200)


@given(printable)
@example("=?utf-8?b?YQ==?= =?utf-8?b?YQ==?=")
@example("a" * 75 + " b")
@example(", ".join(["Zoë", "Ada"] * 12))
def test_any_subject_and_name_come_back(text: str) -> None:
    found = parsed(compose(message(subject=text, name=text[:100]), SENDER))
    assert flat(str(found["Subject"])) == flat(text)
    shown = flat(text[:100])
    if not any(sign in shown.lower() for sign in ("@", "://", "www.")):
        # the library's parser adds spaces between encoded words of a phrase (RFC 2047, 6.2 says that they are none)
        assert found["To"].addresses[0].display_name.replace(" ", "") == shown.replace(" ", "")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
@example(".\n..\n.x\n" * 20)
@example("=\n==\n--=_\n")
@example("From me\n" + "x" * 2000)
@example("trailing \t\nspace ")
def test_any_text_comes_back(text: str) -> None:
    expected = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    data = compose(message(text=text, html=text), SENDER)
    assert data.isascii()
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert read(data, "plain").rstrip("\n") == expected
    assert read(data, "html").rstrip("\n") == expected


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ä@example.com", "address_not_ascii"), ("ä@exämple.com", "address_not_ascii"), ("nobody", "address_malformed"),
        ("a@exä..mple.com", "address_malformed"), ("a@\u200dä.test", "address_malformed"), ("a@" + "ä" * 70 + ".test", "address_malformed"),
        ("@example.com", "address_malformed"), ("a@", "address_malformed"), ("a@b.test\r\nX: y", "address_malformed"),
        ("a b@c.test", "address_malformed"), ("<a@b.test>", "address_malformed"), ("a@b.test,c@d.test", "address_malformed"),
    ],
)  # fmt: skip
def test_bad_addresses_are_refused_with_a_code_that_does_not_repeat_them(address: str, reason: str) -> None:
    with pytest.raises(MessageRefused) as info:
        envelope_address(address)
    assert info.value.reason == reason
    assert str(info.value) == reason


def test_an_international_domain_is_written_as_dns_has_it() -> None:
    assert envelope_address("zoe@bücher.example") == "zoe@xn--bcher-kva.example"
    assert envelope_address("li@例子.测试") == "li@xn--fsqu00a.xn--0zwm56d"
    assert envelope_address("a@FUẞBALL.example") == "a@xn--fuball-cta.example"
    found = parsed(compose(message(address="zoe@bücher.example"), SENDER))
    assert [a.addr_spec for a in found["To"].addresses] == ["zoe@xn--bcher-kva.example"]


def test_the_feedback_id_names_campaign_and_day_and_nobody() -> None:
    found = parsed(compose(message(occasion="order-4711"), SENDER))
    assert found["Feedback-ID"] == "thank_you:2026-11-22:email:examplecom"
    short = parsed(compose(message(), "Shop <a@b.de>"))
    assert str(short["Feedback-ID"]).rpartition(":")[2] == "bde00"  # 5 signs at least


def test_a_sender_must_be_an_address() -> None:
    assert split_sender("Shop <shop@example.com>") == ("Shop", "shop@example.com")
    with pytest.raises(ConfigurationError):
        split_sender("Shop")


def test_writing_is_not_what_a_sender_waits_for() -> None:
    """The standard library makes some 365 such messages a second; this must make many times that."""
    one = message(text="Hello Ada,\n" * 150, html="<p>Hello Ada</p>\n" * 150, subject="Danke, Zoë")
    started = time.perf_counter()
    for _ in range(500):
        compose(one, SENDER)
    assert 500 / (time.perf_counter() - started) > 1500
