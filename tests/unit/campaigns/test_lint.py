"""Faults that render: what the lint says, of which file and line, and what keeps a campaign from being planned."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from marketflow.campaigns import load_campaigns
from marketflow.campaigns.content import Finding, lint
from marketflow.campaigns.content.lint import CLIPPED, link_fault
from marketflow.campaigns.definition import load_campaign
from template_folder import folder, mjml

LINK = '<a href="{{ unsubscribe_url }}">x</a>'


def found(path: Path, **files: str) -> list[Finding]:
    made = load_campaign(folder(path, **{"body__txt": "{{ unsubscribe_url }}"} | files))
    return lint(made.frozen, brand="Shop", day=dt.date(2017, 12, 31))


def codes(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(f.severity, f.code, f.place) for f in findings]


def test_the_shipped_campaigns_have_no_fault() -> None:
    for campaign in load_campaigns():
        assert lint(campaign.frozen, brand="Shop", day=dt.date(2017, 12, 31)) == []


@pytest.mark.parametrize(("purpose", "severity"), [("marketing", "error"), ("transactional", "warning")])
@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"body__txt": "Hello"}, "letter/body.txt"),
        ({"body__html": "<p>{{ unsubscribe_url }}</p>"}, "letter/body.html"),
        ({"body__mjml": mjml("<mj-text>Hello</mj-text>")}, "letter/body.mjml"),
        ({"body__html": "{% if products %}" + LINK + "{% endif %}"}, "letter/body.html"),
        ({"body__html": f"<p>x</p><!-- {LINK} -->"}, "letter/body.html"),
        ({"body__html": f"<!--[if mso]>{LINK}<![endif]--><p>x</p>"}, "letter/body.html"),
        ({"body__html": f"<style>{LINK}</style><p>x</p>"}, "letter/body.html"),
        ({"body__html": "<link href='{{ unsubscribe_url }}'>"}, "letter/body.html"),
        ({"subject__zh__txt": "s", "body__zh__txt": "你好"}, "letter/body.zh.txt"),
    ],
)
def test_a_missing_link_to_unsubscribe(
    tmp_path: Path, purpose: str, severity: str, files: dict[str, str], place: str
) -> None:
    assert codes(found(tmp_path, purpose=purpose, **files)) == [(severity, "no_unsubscribe_link", place)]


@pytest.mark.parametrize(
    "html",
    [
        f"<!-- x -->{LINK}",
        f"<!--[if !mso]><!-->{LINK}<!--<![endif]-->",
        "<A HREF = {{ unsubscribe_url }} >x</A>",
        "<map><area href=' {{ unsubscribe_url }}\n' alt='x'></map>",
    ],
)
def test_a_link_that_readers_see_is_one_however_it_is_written(tmp_path: Path, html: str) -> None:
    assert found(tmp_path, body__html=html) == []


def test_text_made_from_html_has_the_link_that_the_html_has(tmp_path: Path) -> None:
    letter = folder(tmp_path, body__html=LINK)
    assert lint(load_campaign(letter).frozen, brand="Shop", day=dt.date(2017, 12, 31)) == []


@pytest.mark.parametrize(
    ("body", "code", "line", "words"),
    [
        ('a\n<img src="https://x.test/a.png">', "image_without_alt", 2, "<img> has no alt"),
        ("<img alt='' src='a.png'>", "image_broken", 1, "'a.png' is relative"),
        ("<img alt='' src='data:image/png;base64,xx'>", "image_broken", 1, "is not shown by Gmail"),
        ("<p>\n\n<a href=''>x</a></p>", "link_broken", 3, "is empty"),
        ("{% if products %}\n<a href='#'>x</a>{% endif %}", "link_broken", 2, "leads nowhere"),
        ("<a href='/shop'>x</a>", "link_broken", 1, "is relative"),
        ("<a href='www.shop.test'>x</a>", "link_broken", 1, "is relative"),
        ("<a href='//shop.test'>x</a>", "link_broken", 1, "is relative"),
        ("<a href=' JavaScript:alert(1)'>x</a>", "link_broken", 1, "no mail program follows (javascript:)"),
        ("<a href='htps://shop.test'>x</a>", "link_broken", 1, "not known (htps:)"),
        ("<a href='https:///x'>x</a>", "link_broken", 1, "malformed"),
        ("<a href='https://shop test/x'>x</a>", "link_broken", 1, "malformed"),
        ("<a href='https://[::1/x'>x</a>", "link_broken", 1, "malformed"),
        ("<a href='https://shop.test:port/'>x</a>", "link_broken", 1, "malformed"),
        ("<a href='mailto:nobody'>x</a>", "link_broken", 1, "malformed"),
        ("<a href='{{ brand }}'>x</a>", "link_broken", 1, "is relative"),
        ("<a>x</a>", "link_broken", 1, "has no href"),
    ],
)
def test_links_and_images_by_file_and_line(tmp_path: Path, body: str, code: str, line: int, words: str) -> None:
    [one] = found(tmp_path, body__html=body + LINK)
    assert (one.severity, one.code, one.place) == ("warning", code, f"letter/body.html:{line}")
    assert words in one.words
    assert str(one).startswith(f"letter/body.html:{line}: warning: ")


def test_in_mjml_and_in_shared_blocks_too(tmp_path: Path) -> None:
    body = mjml(
        '{% include "a.mjml" %}\n<mj-button href="#">x</mj-button>\n<mj-button>x</mj-button>\n<mj-text>'
        + LINK
        + "</mj-text>"
    )
    block = "\n\n{% if products %}<mj-image\n src='https://x.test/{{ brand }}.png' href='shop' />{% endif %}"
    assert codes(found(tmp_path, body__mjml=body, _shared__a__mjml=block)) == [
        ("warning", "image_without_alt", "_shared/a.mjml:3"),
        ("warning", "link_broken", "_shared/a.mjml:3"),
        ("warning", "link_broken", "letter/body.mjml:6"),
        ("warning", "link_broken", "letter/body.mjml:7"),
    ]


@pytest.mark.parametrize(
    "link", ["https://shop.test", "http://shop.test:8080/a?b=c#d", "https://商店.test/你好", "mailto:a@b.test?subject=x", "tel:+4912345", "sms:123", "https://127.0.0.1/x"]
)  # fmt: skip
def test_links_that_are_sound(link: str) -> None:
    assert link_fault(link) is None


def test_size_is_of_the_html_as_sent_with_all_products(tmp_path: Path) -> None:
    def big(path: Path, size: int) -> list[Finding]:
        return found(
            path, body__html="{% for product in products %}{{ product.name }}" + "é" * size + "{% endfor %}" + LINK
        )

    room = (CLIPPED - 400) // 2 // 3  # bytes of each sign, products; the picture of openings has 200
    assert big(tmp_path / "a", room) == []
    [one] = big(tmp_path / "b", room + 100)
    assert (one.severity, one.code, one.place) == ("warning", "html_too_large", "letter/body.html")
    assert "Gmail shows the first 102,000" in one.words


def test_subjects_are_not_empty_and_not_long(tmp_path: Path) -> None:
    assert codes(found(tmp_path / "a", subject__txt="{% if products %}x{% endif %}")) == [
        ("error", "template_wrong", "letter/subject.txt")
    ]
    assert codes(found(tmp_path / "b", subject__txt="x" * 91)) == [("warning", "subject_long", "letter/subject.txt")]
    assert codes(found(tmp_path / "c", subject__txt="x" * 90)) == []


def test_a_language_that_has_less_than_the_others(tmp_path: Path) -> None:
    findings = found(
        tmp_path, body__html=LINK, preheader__txt="p", subject__zh__txt="s", body__zh__txt="{{ unsubscribe_url }}"
    )
    assert codes(findings) == [
        ("warning", "language_incomplete", "letter/body.zh.html"),
        ("warning", "language_incomplete", "letter/preheader.zh.txt"),
    ]


def test_each_language_is_rendered_with_and_without_names_and_products(tmp_path: Path) -> None:
    for i, text in enumerate(
        (
            "{% if given_name %}{{ brand.x }}{% endif %}",
            "{{ products[0].name }}",
            "{% if products|count == 3 %}{{ brand.x }}{% endif %}",
        )
    ):
        [one] = found(tmp_path / str(i), subject__zh__txt="s", body__zh__txt="{{ unsubscribe_url }}\n" + text)
        assert (one.severity, one.code, one.place) == ("error", "template_wrong", "letter/body.zh.txt:2")
