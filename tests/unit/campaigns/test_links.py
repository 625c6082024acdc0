"""Links of a mail: each one that leads to a shop is signed for its recipient, all others stay, and nothing else changes."""

from __future__ import annotations

import datetime as dt
import re
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.campaigns import Renderer, load_campaigns
from marketflow.campaigns.content.lint import lint
from marketflow.campaigns.delivery.tracked import Tracking
from marketflow.privacy import KeyRing, generate_key_ring, read_click_token, read_message_token

KEYS = KeyRing.from_json(generate_key_ring())
EDGE, DAY, SEND = "https://edge.example.com", dt.date(2026, 11, 22), 4711
VARIABLES: dict[str, Any] = {
    "given_name": "Ada", "brand": "Shop", "business_date": DAY, "locale": "en-US", "unsubscribe_url": f"{EDGE}/u/token",
    "preferences_url": f"{EDGE}/p/token", "web_version_url": f"{EDGE}/w/token",
    "products": [{"product_id": 7, "name": "A & B"}],
}  # fmt: skip


def definition(html: str, **campaign: Any) -> dict[str, Any]:
    return {
        "campaign": {"name": "welcome", "channel": "email", **campaign},
        "templates": {"subject": "Hi", "text": None, "html": html, "shared": {}},
    }


def sent(html: str, *, opens: bool = False, **campaign: Any) -> str:
    """The HTML that a recipient gets, and the way there without tracking is the same but for links."""
    made = definition(html, **campaign)
    tracking = Tracking.of(made, KEYS, EDGE + "/", opens=opens, clicks=True)
    links = tracking and tracking.of_message(SEND, DAY)
    message, plain = (Renderer(made).render({**VARIABLES, "links": each}) for each in (links, None))
    assert message.text == plain.text
    assert "\x01" not in (message.html or "") + (plain.html or "")
    assert message.html is not None
    return message.html


class Hrefs(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name == "href"]


def targets(html: str) -> list[str]:
    """Where the links lead: those of ours by way of the edge service, checked."""
    found: list[str] = []
    for href in Hrefs(html).found:
        if href.startswith(f"{EDGE}/c/"):
            link = read_click_token(KEYS, *href.removeprefix(f"{EDGE}/c/").split("/"))
            assert link is not None
            assert (link.send_id, link.made_on, link.campaign) == (SEND, DAY, "welcome")
            found.append(f"signed {link.url}")
        else:
            found.append(href)
    return found


def test_links_to_the_shop_are_signed_and_others_stay() -> None:
    html = """<html><body><a class="x" href="https://shop.example.com/p?a=1&amp;b=2#c">one</a>
<A HREF='http://shop.example.com/two' title="a > b">two</A><map><area href="https://shop.example.com/three"></map>
<a href="{{ unsubscribe_url }}">out</a><a href="mailto:a@example.com">mail</a><a href="tel:+100">call</a><a href="#top">up</a>
<a href="https://edge.example.com.evil.example/u/x">not ours</a><a name="here">no link</a><a href="">empty</a>
<link href="https://shop.example.com/style.css"></body></html>"""
    assert targets(sent(html)) == [
        "signed https://shop.example.com/p?a=1&b=2#c", "signed http://shop.example.com/two", "signed https://shop.example.com/three",
        f"{EDGE}/u/token", "mailto:a@example.com", "tel:+100", "#top", "signed https://edge.example.com.evil.example/u/x", "",
        "https://shop.example.com/style.css",
    ]  # fmt: skip


def test_a_link_that_is_made_of_parts() -> None:
    html = (
        "{% for p in products %}<a {% if p.product_id > 3 %}class='x'{% endif %} href=\"https://shop.example.com/{{ p.product_id }}"
        '?n={{ p.name }}{% if given_name %}&amp;x={{ lang }}{% endif %}">{{ p.name }}</a>{% endfor %}'
        "<a href={% if given_name %}\"https://shop.example.com/a\"{% else %}'https://shop.example.com/b'{% endif %}>c</a>"
        "<a href='{{ brand }}'>relative</a>"
    )
    assert targets(sent(html)) == ["https://shop.example.com/7?n=A & B&x=en", "https://shop.example.com/a", "Shop"]


def test_a_name_cannot_put_a_link_of_its_own_into_the_mail() -> None:
    html = '<a href="https://shop.example.com/?who={{ given_name }}">x</a>'
    made = definition(html)
    tracking = Tracking.of(made, KEYS, EDGE, opens=False, clicks=True)
    assert tracking
    name = '"><a href="https'
    links = tracking.of_message(SEND, DAY)
    found = Renderer(made).render({**VARIABLES, "given_name": name, "links": links}).html
    assert found is not None
    assert len(Hrefs(found).found) == 1


@pytest.mark.parametrize("end", ["</body></html>", "</BODY >\n</HTML>", "</body><!-- no </p>"])
def test_the_picture_is_the_last_of_the_body(end: str) -> None:
    found = sent(f"<html><body><p>Hi</p>{end}", opens=True)
    [address] = re.findall(r'<img src="([^"]+)" width="1" height="1" alt=""', found)
    token = address.removeprefix(f"{EDGE}/o/").removesuffix(".gif")
    link = read_message_token(KEYS, "open", token)
    assert link is not None
    assert (link.send_id, link.made_on) == (SEND, DAY)
    assert found.endswith(f'border:0;">{end}')
    assert sent("<p>Hi</p>", opens=True).startswith("<p>Hi</p><img ")


def test_what_is_not_wanted_is_not_done() -> None:
    html = '<body><a href="https://shop.example.com/">x</a></body>'
    assert targets(sent(html, opens=True, tracking={"opens": False, "clicks": True})) == [
        "signed https://shop.example.com/"
    ]
    assert "<img" not in sent(html, opens=True, tracking={"opens": False, "clicks": True})
    assert targets(sent(html, opens=True, tracking={"opens": True, "clicks": False})) == ["https://shop.example.com/"]
    assert "<img" in sent(html, opens=True, tracking={"opens": True, "clicks": False})
    for wanted in ({"channel": "webhook"}, {"tracking": {"opens": False, "clicks": False}}):
        assert Tracking.of(definition(html, **wanted), KEYS, EDGE, opens=True, clicks=True) is None
    assert Tracking.of(definition(html), KEYS, EDGE, opens=False, clicks=False) is None


@pytest.mark.parametrize("campaign", [c for c in load_campaigns() if c.channel == "email"], ids=lambda c: c.name)
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_shipped_mails_are_whole_with_and_without(campaign: Any, locale: str) -> None:
    """MJML's mails, too; without the links and the picture, they are the same."""
    tracking = Tracking.of(campaign.frozen, KEYS, EDGE, opens=True, clicks=True)
    assert tracking
    links = tracking.of_message(SEND, DAY)
    renderer = Renderer(campaign.frozen)
    variables = {**VARIABLES, "locale": locale}
    tracked, plain = (renderer.render({**variables, "links": each}).html or "" for each in (links, None))
    assert f"{EDGE}/u/token" in Hrefs(tracked).found
    assert len(Hrefs(tracked).found) == len(Hrefs(plain).found)
    back = re.sub(r'<img src="[^"]*/o/[^>]*>', "", tracked)
    for href, was in zip(Hrefs(tracked).found, Hrefs(plain).found, strict=True):
        back = back.replace(escape(href), escape(was))
    assert back == plain


PARTS = [
    "<a ",
    "<area ",
    "href",
    "=",
    '"',
    "'",
    ">",
    "<",
    " ",
    "/",
    "https://x.example/",
    "{{ brand }}",
    "a",
    "\x01",
    "&amp;",
    "<!--",
    "-->",
]
LINK = ["<a href='https://x.example/'>", '<a class="b" href="https://x.example/{{ brand }}">']


@given(st.lists(st.sampled_from(PARTS + LINK), max_size=40).map("".join))
def test_no_markup_is_broken_by_it(markup: str) -> None:
    """Whatever stands in a template: what is not a link's address comes out as it went in."""
    found, plain = sent(markup), Renderer(definition(markup)).render(VARIABLES).html or ""
    assert found.count("\x01") == 0

    def address(link: re.Match[str]) -> str:
        read = read_click_token(KEYS, link[1], link[2])
        assert read is not None
        return escape(read.url)

    assert unescape(re.sub(rf"{EDGE}/c/([\w-]+)/([\w-]+)", address, found)) == unescape(plain)
    assert len(Hrefs(found).found) == len(Hrefs(plain).found)


def test_the_lint_knows_that_links_grow() -> None:
    """The limit of 102 kB is of what is sent."""
    text = "".join(f'<a href="https://shop.example.com/{n}">{"x" * 60}</a>' for n in range(800))
    html = f'<html><body>{text}<a href="{{{{ unsubscribe_url }}}}">out</a></body></html>'
    found, without = (
        {
            f.code
            for f in lint(
                definition(html, purpose="marketing", tracking={"opens": False, "clicks": clicks}),
                brand="Shop",
                day=DAY,
            )
        }
        for clicks in (True, False)
    )
    assert ("html_too_large" in found, "html_too_large" in without) == (True, False)
