"""The pages' own safety and shape: the shop's name is text, nothing but our style runs, and who hears them finds the way."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from starlette.responses import HTMLResponse

from marketflow.edge import pages
from marketflow.edge.words import LANGUAGES, accepted, words

BRAND = '<img src=x onerror="alert(1)"> & Söhne {0} {{ 7*7 }}'
SHOWN = pages.Shown(
    topics=[("offers", "Offers <b>", True), ("news", "News", False)], is_subscribed=True,
    frequencies=[("any", "Any"), ("1_7", "Once a week")], frequency="1_7", language="zh",
)  # fmt: skip
KINDS = {
    "ask": lambda lang: pages.ask(BRAND, lang, "../p/token?lang=en"),
    "done": lambda lang: pages.done(BRAND, lang),
    "unknown": lambda lang: pages.unknown(BRAND, lang),
    "expired": lambda lang: pages.expired(BRAND, lang),
    "later": lambda lang: pages.later(BRAND, lang),
    "refused": lambda lang: pages.refused(BRAND, lang, 413),
    "preferences": lambda lang: pages.preferences(BRAND, lang, SHOWN),
    "saved": lambda lang: pages.preferences(BRAND, lang, SHOWN, is_saved=True),
    "away": lambda lang: pages.preferences_away(BRAND, lang),
    "kept": lambda lang: pages.kept(BRAND, lang),
    "left": lambda lang: pages.left(BRAND, lang),
    "wrong": lambda lang: pages.wrong(BRAND, lang, 400),
    "gone": lambda lang: pages.gone(BRAND, lang),
    "web_later": lambda lang: pages.web_later(BRAND, lang),
    "mail_as_text": lambda lang: pages.mail_as_text(BRAND, lang, "A subject", "Hello <script>alert(1)</script>"),
}
ALL = [(kind, lang) for kind in KINDS for lang in LANGUAGES]


def html(kind: str, lang: str) -> str:
    return bytes(page(kind, lang).body).decode()


def page(kind: str, lang: str) -> HTMLResponse:
    return KINDS[kind](lang)


class Outline(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.inputs: list[str] = []
        self.lang = self.title = ""
        self._within_title = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self._within_title = tag == "title"
        self.ids += [given["id"]] if "id" in given else []
        self.labels += [given["for"]] if tag == "label" else []
        if tag in ("input", "select") and given.get("type") != "hidden":
            self.inputs.append(given.get("id", ""))
        self.lang = given["lang"] if tag == "html" else self.lang

    def handle_data(self, data: str) -> None:
        self.title += data if self._within_title else ""
        self._within_title = False


@pytest.mark.parametrize(("kind", "lang"), ALL)
def test_the_brand_is_text(kind: str, lang: str) -> None:
    text = html(kind, lang)
    assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt; &amp; Söhne {0} {{ 7*7 }}" in text
    assert "<img" not in text
    assert "<script" not in text
    assert "<b>" not in text


@pytest.mark.parametrize(("kind", "lang"), ALL)
def test_the_policy_allows_the_one_style_that_the_page_has(kind: str, lang: str) -> None:
    [style] = re.findall(r"<style>(.*?)</style>", html(kind, lang), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page(kind, lang).headers["content-security-policy"]
    assert " style=" not in html(kind, lang)


@pytest.mark.parametrize(("kind", "lang"), ALL)
def test_who_hears_a_page_finds_the_way(kind: str, lang: str) -> None:
    found = Outline(html(kind, lang))
    assert found.lang == lang
    assert found.title
    assert (found.tags.count("h1"), found.tags.count("main"), found.tags.count("header")) == (1, 1, 1)
    assert sorted(found.labels) == sorted(found.inputs), "each field has a label of its own"
    assert len(set(found.ids)) == len(found.ids)
    assert found.tags.count("fieldset") == found.tags.count("legend")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_all_languages_have_the_same_words(lang: str) -> None:
    assert words(lang).keys() == words("en").keys()
    assert all(words(lang).values())
    assert {k for k, v in words(lang).items() if "{brand}" in v} == {
        k for k, v in words("en").items() if "{brand}" in v
    }


def test_the_form_to_unsubscribe_says_one_click() -> None:
    forms = {kind: html(kind, "en").count("<form") for kind in KINDS}
    assert {k: n for k, n in forms.items() if n} == {"ask": 1, "preferences": 2, "saved": 2, "away": 1}
    assert 'name="List-Unsubscribe" value="One-Click"' in html("ask", "zh")


def test_codes() -> None:
    found = {kind: page(kind, "en").status_code for kind in KINDS}
    refused = {
        "unknown": 404,
        "expired": 410,
        "later": 503,
        "refused": 413,
        "wrong": 400,
        "gone": 410,
        "web_later": 503,
    }
    assert found == dict.fromkeys(KINDS, 200) | refused


def test_a_mail_runs_nothing() -> None:
    policy = pages.mail("<p>x</p>").headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert "script" not in policy
    assert "noindex" in pages.mail("<p>x</p>").headers["x-robots-tag"]


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,zh;q=0.9", "en"),
        ("de-DE,de;q=0.9", "en"),
        ("de, zh;q=0.1", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=nonsense, en;q=0.1", "en"),
        ("*", "en"),
        (", ;q=1,," * 500, "en"),
        ("zh;q=9e999", "en"),
        ("zh;q=nan", "en"),
        ("ZH-hant-TW", "zh"),
    ],
)
def test_the_language_that_the_browser_asks_for(header: str, lang: str) -> None:
    assert accepted(header) == lang
