"""What is personal in what clients send does not get through; what is not, does."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from marketflow.sources.readers import scrub as scrub_module
from marketflow.sources.readers.scrub import _CONTEXT, kept_context, looks_personal, scrub, shared_context


def scrubbed(value: Any, **options: Any) -> tuple[Any, Counter[str]]:
    left_out: Counter[str] = Counter()
    return scrub(value, left_out, **options), left_out


@pytest.mark.parametrize(
    "name",
    ["email", "e-mail", "Email", "E_MAIL_ADDRESS", "phone", "Phone Number", "first_name", "lastName", "name", "address",
     "ip", "IP-Address", "userAgent", "dateOfBirth", "iban", "password", "accessToken", "zip"],
)  # fmt: skip
def test_personal_names_are_left_out_at_every_depth(name: str) -> None:
    for value in ("x", 5, {"city": "Bern"}, ["y"]):
        found, left_out = scrubbed({"kept": 1, name: value, "list": [{"deep": {name: value}}]})
        assert found == {"kept": 1, "list": [{"deep": {}}]}
        assert sum(left_out.values()) == 2


@pytest.mark.parametrize(
    "name",
    ["customer_phone", "customerPhone", "customerphone", "mobile_no", "phoneNumber2", "billing_address", "ShippingAddress1",
     "user-email", "contactEMail", "work mail", "guest_first_name", "recipient_name", "shipping_zip_code", "visitor_ip",
     "address_line_2", "BILLING_PHONE_NUMBER", "parent_date_of_birth", "refreshToken", "shop_session_id"],
)  # fmt: skip
def test_names_that_end_in_a_personal_one_are_left_out(name: str) -> None:
    for value in ("x", 442079460123, {"city": "Bern"}, ["y"]):
        assert scrubbed({"kept": 1, name: value, "list": [{name: value}]})[0] == {"kept": 1, "list": [{}]}


@pytest.mark.parametrize(
    "name",
    ["product_name", "campaign_name", "hotel", "headphone", "email_count", "addressed", "page_location", "order_no", "number",
     "2", "zipper", "customer", "shipping_method", "user_type"],
)  # fmt: skip
def test_names_of_things_stay(name: str) -> None:
    assert scrubbed({name: "x"}) == ({name: "x"}, {})


def test_that_there_is_an_address_tells_nothing() -> None:
    assert scrubbed({"has_email": True, "customer_phone": None}) == ({"has_email": True, "customer_phone": None}, {})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ada@example.com", "looks like mail"),
        ("write to ada.l+x@mail.example.co.uk today", "looks like mail"),
        ("+41 79 123 45 67", "looks like phone"),
        ("+15551234567", "looks like phone"),
        ("(555) 123-4567", "looks like phone"),
        ("079 123 45 67", "looks like phone"),
        ("192.168.1.20", "looks like ip"),
        ("2001:db8::1", "looks like ip"),
        ("/u/anna%40example.org", "looks like mail"),
        ("https://shop.example/u/anna%40example.org", "looks like mail"),
        ("/u/anna%2540example.org", "looks like mail"),
        ("/u/anna%40mail%2Eexample%2eorg" + "/x" * 200, "looks like mail"),
        ("%2B41791234567", "looks like phone"),
        ("please call +41 (0)79 123-45-67 today", "looks like phone"),
        ("sip:+41791234567", "looks like phone"),
        ("anna\uff20example.org", "looks like mail"),
    ],
)  # fmt: skip
def test_values_that_look_personal_are_left_out(text: str, kind: str) -> None:
    assert looks_personal(text) == kind
    found, left_out = scrubbed({"note": text, "list": [text, "ok"], text: 1})
    assert found == {"list": ["ok"]}
    assert left_out == {kind: 3}


@pytest.mark.parametrize(
    "value",
    ["2026-11-22", "2026-11-22T09:00:00Z", "2026-11-22 09-30", "4006381333931", "10.50", "1234567.890", "B00-123", "12:30",
     "order-123-456-7890", "7f2c1a52-9d2e-4b60-8a5e-000000000001", "1.2.3", "SKU 1234 5678", "@shop", "3 @ 5", 15551234567,
     "Sun Nov 22 09:00:00 +1000 2026", "Mon GMT+0100 (CET)", "+250 000 points", "What is it?", "a == b? yes=1",
     True, None, 12.5],
)  # fmt: skip
def test_keys_days_and_amounts_stay(value: Any) -> None:
    assert scrubbed({"note": value}) == ({"note": value}, {})


def test_a_thing_may_have_a_name() -> None:
    basket = {"products": [{"product_id": "p1", "name": "Monopoly"}, {"name": "Ada Lovelace"}]}
    assert scrubbed(basket)[0] == {"products": [{"product_id": "p1", "name": "Monopoly"}, {}]}
    assert scrubbed({"name": "Prices"}, may_be_named=True)[0] == {"name": "Prices"}


def test_links_lose_what_people_typed() -> None:
    page = {
        "url": "https://ada:pw@shop.example/games?email=ada@example.com#x", "search": "?q=ada", "path": "/games",
        "referrer": "https://search.example/",
    }  # fmt: skip
    found, left_out = scrubbed(page)
    assert found == {
        "url": "https://shop.example/games", "path": "/games", "referrer": "https://search.example/",
    }  # fmt: skip
    assert left_out == {"query of a link": 2}
    assert scrubbed({"url": "https://shop.example/account/ada@example.com"}) == ({}, {"looks like mail": 1})


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("/search?q=Ada+Lovelace", "/search"),
        ("//shop.example/a#Ada", "//shop.example/a"),
        ("games/list?user=ada", "games/list"),
        ("shopapp://reset?token=x", "shopapp://reset"),
        ("ftp://ada:pw@shop.example", "ftp://shop.example"),
        ("https://[x/a?b", "https://[x/a"),
        ("https://a/@b", "https://a/@b"),
    ],
)
def test_links_of_any_kind(link: str, kept: str) -> None:
    found, left_out = scrubbed({"to": link, "list": [link]})
    assert found == {"to": kept, "list": [kept]}
    assert left_out == ({"query of a link": 2} if kept != link else {})


class Looked:
    """A pattern that remembers how long the texts were that it was given."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern, self.longest = pattern, 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.longest = max(self.longest, len(arguments[-1]))
            return getattr(self.pattern, name)(*arguments, **options)

        return call


# Of the patterns for long texts: the repeat without a bound, and the character before it.
UNBOUNDED = {"_MAIL": ("@", r"[^\s@]+"), "_QUOTED_AT": ("%", "(?:25)*"), "_QUOTED_DOT": ("%", "(?:25)*")}
HOSTILE = [start + part * (500_000 // len(part)) + end
           for part in ("a", "a@", "@.", "a.", "1", "1 ", "+1", "%25", "%40", "/", "//", "?=", "A", "_") for start in ("", "https://") for end in ("", " @", "!")]  # fmt: skip


@pytest.mark.timeout(60)
def test_a_pattern_sees_short_texts_only_or_has_one_way_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time to search must not grow with the square of what a client sends.

    A pattern for long texts has at most one repeat without a bound. It stands behind a character that the repeat itself
    cannot pass, so that each character of the text is passed once.
    """
    patterns = {name: Looked(found) for name, found in vars(scrub_module).items() if isinstance(found, re.Pattern)}
    for name, found in patterns.items():
        monkeypatch.setattr(scrub_module, name, found)
    scrub_module._read_name.cache_clear()
    for text in HOSTILE:
        scrubbed({text: text, "list": [text], "https://": f"https://{text}"})
    long = {name for name, found in patterns.items() if found.longest > 64}
    assert long >= UNBOUNDED.keys()
    assert not long & {"_WORD", "_INTERNATIONAL", "_GROUPED", "_NUMBER", "_DIGIT"}
    for name in long:
        before, repeated = UNBOUNDED.get(name, ("", ""))
        rest = (
            patterns[name].pattern.pattern.replace(before + repeated, before)
            if repeated
            else patterns[name].pattern.pattern
        )
        assert not re.search(r"[*+]|,\}", re.sub(r"\[[^]]*\]|\\.", "", rest)), name
        assert not repeated or not re.match(repeated[:-1], before)


def test_of_the_context_only_what_is_known_not_to_tell_persons_apart() -> None:
    context = {
        "ip": "1.2.3.4", "userAgent": "Mozilla", "locale": "en-GB", "timezone": "Europe/London",
        "page": {"path": "/a", "title": "Prices", "search": "?x=1", "url": "https://shop.example/a?b"},
        "campaign": {"name": "spring", "source": "news", "secret": 1},
        "device": {"id": "abc", "advertisingId": "def", "type": "ios", "name": "Ada's phone"},
        "traits": {"email": "ada@example.com"}, "location": {"city": "Bern"}, "custom": 1,
        "library": {"name": "analytics.js", "version": "2.1"},
    }  # fmt: skip
    assert kept_context(context, Counter()) == {
        "locale": "en-GB", "timezone": "Europe/London",
        "page": {"path": "/a", "title": "Prices", "url": "https://shop.example/a"},
        "campaign": {"name": "spring", "source": "news"}, "device": {"type": "ios"},
        "library": {"name": "analytics.js", "version": "2.1"},
    }  # fmt: skip


def test_a_batchs_own_context_is_plain_cut_and_small() -> None:
    deep: Any = "x"
    for _ in range(2_000):
        deep = [deep]
    context = {
        "locale": "en-GB", "timezone": ["x"], "page": {"title": "t" * 9_000, "path": deep, "url": "/anna@example.org", "x": 1},
        "campaign": {"id": 7, "name": {"a": 1}}, "ip": "1.2.3.4", "app": "x", "os": {"name": "o" * 600},
    }  # fmt: skip
    assert shared_context(context, Counter()) == {
        "locale": "en-GB", "page": {"title": "t" * 500}, "campaign": {"id": 7}, "os": {"name": "o" * 500},
    }  # fmt: skip
    many = {part: dict.fromkeys(names, "é" * 500) for part, names in _CONTEXT.items()}
    found = shared_context(many, Counter())
    assert found.keys() < many.keys()
    assert len(json.dumps(found, ensure_ascii=False).encode()) < 4_200
    assert [shared_context(odd, Counter()) for odd in (None, 5, [], {})] == [{}] * 4


def test_texts_lose_the_character_that_postgresql_has_no_place_for() -> None:
    assert scrubbed({"a\0b": ["c\0d"]})[0] == {"ab": ["cd"]}
