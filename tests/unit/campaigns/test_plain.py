"""Plain text made from the template's HTML once says what a converter of whole messages says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from marketflow.campaigns import Renderer, load_campaigns
from template_folder import PRODUCTS, VARIABLES, mjml, renderer

SHIPPED = {c.name: c for c in load_campaigns() if c.channel == "email"}


def text_of(path: Path, html: str, **variables: object) -> str:
    return renderer(path, body__html=html).render(VARIABLES | variables).text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a\n  b</p><p>c</p>", "a b\n\nc\n"),
        ("a<br>b<br/>c</br>", "a\nb\nc\n"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b\n"),
        ("<h1>T</h1>x", "T\n\nx\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        ("&lt;b&gt; &amp; &nbsp;c", "<b> & c\n"),
        ('See <a href="https://x.test/a?b&amp;c">us</a> now', "See us <https://x.test/a?b&c> now\n"),
        ('<a href="https://x.test">https://x.test</a>', "https://x.test\n"),
        ('<a href="mailto:a@x.test">a@x.test</a> <a href="#">top</a>', "a@x.test top\n"),
        ('<a href="https://x.test"><img src="https://x.test/a.png" alt="A hat"></a>', "A hat <https://x.test>\n"),
        ('<div style="display: none">pre</div><style>p{}</style><p hidden>h</p><i aria-hidden="true">*<i>*</i></i>x', "x\n"),
        ("<!--[if mso]><p>Outlook</p><![endif]-->x<!-- {{ given_name }} -->", "x\n"),
        ("<div><div>a</div></div><div>b</div>", "a\nb\n"),
        ("a<br><br><br>b<br>", "a\n\nb\n"),
        ("a<br>{% if products %}b{% endif %}<br>c", "a\nb\nc\n"),
        ("a<hr>b", "a\n\n---\n\nb\n"),
        ("{ {% raw %}{{ x }}{% endraw %} &#123;&#123; 7*7 }}", "{ {{ x }} {{ 7*7 }}\n"),
        ("<p>{% if products -%} \n yes {%- else %}no{% endif %}</p>\n<p>z</p>", "yes\n\nz\n"),
        ("{% for product in products %}\n<p>{{ loop.index }}. {{ product.name }}</p>\n{% endfor %}", "1. Bread & <butter>\n\n2. Milk\n"),
        ('{# note #}<a href="{{ unsubscribe_url }}">{{ brand }}</a>', "The Shop <https://shop.example.com/u/token>\n"),
    ],
)  # fmt: skip
def test_text_from_html(tmp_path: Path, html: str, text: str) -> None:
    assert text_of(tmp_path, html) == text


def test_a_name_is_written_as_it_is_and_never_read_as_html_or_jinja(tmp_path: Path) -> None:
    html = "<p>Dear {{ given_name }},</p>"
    for i, name in enumerate(("<b>Bo</b>", "{{ 7*7 }}", "A & B", "&lt;")):
        assert text_of(tmp_path / str(i), html, given_name=name) == f"Dear {name},\n"
    assert text_of(tmp_path / "x", html, given_name="A\ue003\n\nB") == "Dear A B,\n"


@pytest.mark.parametrize("locale", ["en", "zh"])
@pytest.mark.parametrize("products", [[], PRODUCTS])
@pytest.mark.parametrize("name", [None, "Ada"])
@pytest.mark.parametrize("campaign", SHIPPED)
def test_as_inscriptis_says_it(campaign: str, name: str | None, products: list[object], locale: str) -> None:
    """The words and their order are those of a converter that reads the finished message; layout is each one's own."""
    from inscriptis import get_text

    frozen = SHIPPED[campaign].frozen
    templates = frozen["templates"]
    for part in (templates, *templates["variants"].values()):
        part["text"] = None
    message = Renderer(frozen).render(VARIABLES | {"given_name": name, "products": products, "locale": locale})
    shown = re.sub(r'(?s)<(td|div)[^>]*(aria-hidden="true"|display:none)[^>]*>.*?</\1>', "", message.html)
    ours = re.sub(r" <https?://[^>]*>", "", message.text)  # inscriptis was not asked for links
    assert ours.split() == get_text(shown).split()


def test_faults_in_html_are_named_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"^letter/body\.mjml:6: there is no variable 'nme'"):
        renderer(tmp_path, body__mjml=mjml("<mj-text>\n{{ nme }}</mj-text>"))
