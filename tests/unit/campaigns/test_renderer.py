"""Templates and names: what a marketer writes cannot leave the sandbox, what a customer is called is only text."""

from __future__ import annotations

import datetime as dt
import threading
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.campaigns import Campaign, Renderer, TemplateRefused, load_campaigns
from marketflow.campaigns.content.words import clean_name

VARIABLES: dict[str, Any] = {
    "given_name": "Ada",
    "products": [{"product_id": 1, "name": "Bread & butter"}, {"product_id": 2, "name": "Milk"}],
    "unsubscribe_url": "https://shop.example.com/u/token",
    "preferences_url": "https://shop.example.com/p/token",
    "web_version_url": "https://shop.example.com/w/token",
    "brand": "The <Shop>",
    "business_date": dt.date(2017, 12, 31),
    "locale": "en-US",
}
CAMPAIGNS = {c.name: c for c in load_campaigns()}


def definition(text: str = "Hello", html: str | None = None, subject: str = "Hi", **more: Any) -> dict[str, Any]:
    templates = {"subject": subject, "text": text, "html": html, "shared": more.pop("shared", {})}
    return {"campaign": {"name": "letter", "channel": more.pop("channel", "email")}, "templates": templates, **more}


def render(
    text: str = "Hello", html: str | None = None, subject: str = "Hi", *, variables: Any = None, **more: Any
) -> Any:
    return Renderer(definition(text, html, subject, **more)).render(VARIABLES | (variables or {}))


def shipped(campaign: Campaign) -> Renderer:
    return Renderer(
        {"campaign": campaign.definition, "templates": campaign.templates.model_dump(), "subject_override": None}
    )


HOSTILE = [
    "{{ 7*7 }}",
    "{% for x in y %}",
    "<script>alert(1)</script>",
    'O\'Hara "Bob" & <b>',
    "\u202eadA",
    "Ada\r\nBcc: all@x.test",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("campaign", ["thank_you", "win_back"])
def test_a_name_is_only_text(campaign: str, name: str) -> None:
    message = shipped(CAMPAIGNS[campaign]).render(VARIABLES | {"given_name": name})
    assert "49" not in message.subject + message.text
    assert "<script" not in message.html
    assert "<b>" not in message.html
    assert "Bread &amp; butter" in message.html
    for part in (message.subject, message.text, message.html):
        assert "\u202e" not in part
        assert "Bcc" not in part.replace("Bcc: all@x.test", "")
        assert "\nBcc" not in part


def test_a_name_stands_as_it_is_written() -> None:
    assert render("Dear {{ given_name }}", variables={"given_name": "{{ 7*7 }}"}).text == "Dear {{ 7*7 }}\n"
    assert render(html="{{ given_name }}", variables={"given_name": "<script>"}).html == "&lt;script&gt;"
    assert render("{{ given_name }}", variables={"given_name": "王小明 👩\u200d👧"}).text == "王小明 👩\u200d👧\n"


@pytest.mark.parametrize(
    "name", ["", "  ", None, "\u202e", "win http://evil.test now", "www.evil.test", "a@b.test", "\u200d"]
)
def test_what_is_no_name_is_greeted_without(name: str | None) -> None:
    assert clean_name(name) is None
    message = shipped(CAMPAIGNS["thank_you"]).render(VARIABLES | {"given_name": name})
    assert message.subject == "Thank you for your order"
    assert message.text.startswith("Hello,\n")
    assert "Thank you!" in message.html


@given(st.text(max_size=200))
def test_a_subject_is_one_short_line_whatever_the_name(name: str) -> None:
    subject = render(subject="Dear {{ given_name or 'customer' }}", variables={"given_name": name}).subject
    assert not [c for c in subject if unicodedata.category(c)[0] == "C" and c not in "\u200c\u200d"]
    assert len(subject.splitlines()) == 1
    assert len(subject) <= 250


def test_line_breaks_and_controls_leave_the_subject() -> None:
    assert render(subject="Hello\r\nBcc: x@y.test\x00\u2028there\n").subject == "Hello Bcc: x@y.test there"


def test_long_names_are_cut() -> None:
    assert len(render(subject="{{ given_name }}", variables={"given_name": "x" * 10_000}).subject) == 60


def test_the_form_s_subject_takes_the_place_of_the_file_s() -> None:
    assert render(subject_override="New for {{ given_name }}").subject == "New for Ada"


def test_html_is_escaped_and_text_is_not() -> None:
    message = render("{{ brand }}", html="{{ brand }}")
    assert (message.text, message.html) == ("The <Shop>\n", "The &lt;Shop&gt;")


def test_a_post_has_text_only() -> None:
    message = render("{{ products[0].name }}", channel="webhook", subject="not used {{ oops }}")
    assert (message.subject, message.text, message.html) == ("", "Bread & butter\n", None)
    with pytest.raises(TemplateRefused, match="no variable 'unsubscribe_url'"):
        render("{{ unsubscribe_url }}", channel="mastodon")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n{{ nme }}", r"^letter/body\.txt:2: there is no variable 'nme'"),
        ("{{ given_nam }}", "did you mean 'given_name'"),
        ("a\nb {{ products[0].nmae }}", r"^letter/body\.txt:2: .*no attribute 'nmae'"),
        ("{{ products[7].name }}", r"^letter/body\.txt:1: "),
        ("{% if given_name %}", r"^letter/body\.txt:1: Unexpected end"),
        ("{{ 1 // 0 }}", r"^letter/body\.txt:1: cannot be rendered \(ZeroDivisionError\)$"),
        ("{% include 'x.html' %}", r"^letter/body\.txt:1: there is no shared template 'x.html'"),
        ("{{ given_name|uper }}", r"^letter/body\.txt:1: there is no filter 'uper'; did you mean 'upper'"),
    ],
)
def test_errors_name_the_file_and_the_line(text: str, said: str) -> None:
    with pytest.raises(TemplateRefused, match=said):
        render(text)


def test_an_error_never_shows_a_name() -> None:
    with pytest.raises(TemplateRefused) as info:
        render("{{ given_name + 1 }}", variables={"given_name": "Secret"})
    assert "Secret" not in str(info.value)
    assert info.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ ''['__cla' + 'ss__'] }}",
        "{{ given_name|attr('__class__') }}",
        "{{ products|sort(attribute='__class__.__mro__')|first }}",
        "{{ [products]|join(attribute='__class__') }}",
        "{{ business_date.__reduce__ }}",
        "{{ self }}",
        "{{ self._TemplateReference__context }}",
        "{{ loop }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler }}",
        "{{ range(3) }}",
        "{{ given_name.upper() }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '%s' % given_name }}",
        "{% import 'os' as os %}",
        "{% from 'x' import y %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% call m() %}{% endcall %}",
        "{% autoescape false %}{{ given_name }}{% endautoescape %}",
        "{% filter upper %}x{% endfilter %}",
        "{% set x %}y{% endset %}",
        "{% for p in products recursive %}{{ loop(products) }}{% endfor %}",
        "{{ given_name|safe }}",
        "{{ given_name|tojson }}",
        "{% include '/etc/passwd' %}",
        "{% include '../win_back/body.txt' %}",
        "{% extends given_name %}",
    ],
)
def test_nothing_leaves_the_sandbox(text: str) -> None:
    with pytest.raises(TemplateRefused):
        render(text, html=text)


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in 'x' * 2000 %}{% for b in 'x' * 2000 %}{% for c in 'x' * 2000 %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in 'x' * 2000 %}{% for b in 'x' * 2000 %}{% if a == 'y' %}y{% endif %}{% endfor %}{% endfor %}",
        "{% include 'loop.txt' %}",
        "{% include 'twice.txt' %}",
        "{{ 'x' * 1000000000 }}",
        "{{ 1000000000 * 'x' }}",
        "{{ [0] * 1000000000 }}",
        "{% set a = 'xx' %}" + "{% set a = a + a %}" * 40,
        "{% set a = 'x' * 2000 %}{% for i in a %}{{ a }}{% endfor %}",
        "{{ ('x' * 2000)|list|join('y' * 2000) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% set a = 10 %}" + "{% set a = a * a %}" * 20,
        "{{ '%1000000000d' % 1 }}",
        "{{ 'a' ~ 'b' }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "not " * 5000 + "1 }}",
        "x" * 300_000,
    ],
)
def test_no_template_takes_long_or_grows(text: str) -> None:
    shared = {"loop.txt": "{% include 'loop.txt' %}", "twice.txt": "{% include 'twice.txt' %}{% include 'twice.txt' %}"}
    began = time.process_time()
    with pytest.raises(TemplateRefused):
        render(text, shared=shared)
    assert time.process_time() - began < 2


_MANY = "{% set s = 'x' * 2000 %}{% set a = [" + "s," * 2000 + "] %}"  # a list that is large without lists in it
_TWO = "{% set a = ('中文' * 1000)|list %}{% set b = ('中文' * 1000)|list %}"
_NEST = "{% set a = [0] * 2000 %}{% set b = [a] * 2000 %}{% set c = [b] * 2000 %}"


def _often(inside: str, times: int = 100) -> str:
    return "{% for i in 'x' * 2000 %}" + inside * times + "{% endfor %}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_NEST + "{{ c }}", "lists cannot be multiplied"),
        (_NEST + "{{ c|join }}", "lists cannot be multiplied"),
        (_NEST + "{% if [c] == [c] %}x{% endif %}", "lists cannot be multiplied"),
        ("{% set a = 2000 * (1, 2) %}", "lists cannot be multiplied"),
        ("{% set a = [1] %}{% set b = [a, a] %}", "a list cannot hold other lists"),
        ("{% set a = [1] %}{% set b = (a, a) %}", "a list cannot hold other lists"),
        ("{% set a = [1] %}{% set b = {'a': a} %}", "a list cannot hold other lists"),
        ("{% set a = [1] %}{% set b = [a|reverse] %}", "a list cannot hold other lists"),
        ("{% set a = [1] %}{% set b = ['', 1 if lang == 'x' else a] %}", "a list cannot hold other lists"),
        ("{% set a = [products] %}", "a list cannot hold other lists"),
        ("{% set a = [[1], [2]] %}", "a list cannot hold other lists"),
        (_MANY + "{{ a }}", "a list cannot be written as it is"),
        (_MANY + "{{ a|sort }}", "a list cannot be written as it is"),
        (_MANY + "{{ a[:1000] }}", "a list cannot be written as it is"),
        (_MANY + "{{ given_name and a }}", "a list cannot be written as it is"),
        (_MANY + "{{ a|default('x') }}", "a list cannot be written as it is"),
        (_MANY + "{{ a|join(a) }}", "the filter 'join' takes no list in its brackets"),
        (_MANY + "{{ a|upper }}", "a list is no text for 'upper'"),
        (_MANY + "{{ a|string }}", "a list is no text for 'string'"),
        ("{{ products }}", "a list cannot be written as it is"),
        (_TWO + _often("{% if a == b %}{% endif %}"), "it takes too long"),
        (_TWO + _often("{% if 'q' in a %}{% endif %}"), "it takes too long"),
        (_TWO + _often("{% if 'q' is in a %}{% endif %}"), "it takes too long"),
        (_TWO + _often("{% if a is eq b %}{% endif %}"), "it takes too long"),
        (_TWO + _often("{% if a[:] %}{% endif %}"), "it takes too long"),
        (_TWO + _often("{% if a|sort %}{% endif %}", 12), "it takes too long"),
        (_TWO + _often("{% if ('ba' * 1000)|sort %}{% endif %}"), "it takes too long"),
        ("{% set a = 'ba' * 1000 %}" + _often("{% if a|title and a|unique %}{% endif %}"), "it takes too long"),
        (_often("{% if given_name %}{% endif %}", 5000), "it takes too long"),
        ("{% for i in 'x' * 2000 if [" + "brand, " * 500 + "] %}{% endfor %}", "it takes too long"),
        (_MANY + "".join(f"{{% set a{i} = a + [] %}}" for i in range(5000)), "it takes too long"),
        (_TWO + "{{ a|sort(attribute='" + "0," * 900 + "0') }}", "takes the name of one attribute"),
        (_TWO + "{{ a|unique(false, '0.0.0')|join }}", "takes the name of one attribute"),
        ("{{ products|join(*a) }}", "without stars"),
        ("{% set a = '" + "x" * 2001 + "' %}", "a text in quotes has at most 2000 characters"),
        ("{% set a = [" + "1," * 2001 + "] %}", "a list has at most 2000 items"),
        ("{{ brand|truncate(2) }}", r"cannot be rendered \(AssertionError\)"),
        ("{% for i in 'x' %}" * 25 + "{% endfor %}" * 25, "stand too deep within one another"),
        ("{% if brand %}" * 120 + "{% endif %}" * 120, "stand too deep within one another"),
        ("x\n" + "{% raw %}" * 20_000, r"^letter/body\.txt:2: {% raw %} is opened and not closed"),
    ],
)
def test_what_would_take_all_memory_or_time_is_refused_in_words(text: str, said: str) -> None:
    began = time.process_time()
    with pytest.raises(TemplateRefused, match=said):
        render(text)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("tag", ["{{% if brand{}or lang %}}x{{% endif %}}", "{{{{ brand{}or lang }}}}"])
def test_spaces_in_a_tag_take_no_time(tag: str) -> None:
    began = time.process_time()
    render(None, html=tag.format(" " * 100_000))  # type: ignore[arg-type]
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{{ given_name or 'you' }}, {{ 'x' if products else 'y' }}", "Ada, x"),
        ("{% set names = [given_name, brand] %}{{ names|join(', ') }}", "Ada, The <Shop>"),
        ("{% set best = products[:1] %}{% for p in best %}{{ p.name }}{% endfor %}", "Bread & butter"),
        ("{{ products|sort(attribute='name')|join(' / ', attribute='name') }}", "Bread & butter / Milk"),
        ("{{ products|reverse|join(', ', 'product_id') }} {{ 'Ada'|reverse }}", "2, 1 adA"),
        ("{% if lang in ['en', 'de'] and products[0].name != products[1].name %}{{ {'en': brand}[lang] }}{% endif %}",
         "The <Shop>"),
        ("{% for a, b in ['ab', 'cd'] %}{{ b }}{{ a }}{% endfor %}", "badc"),
        ("{% for p in products %}{{ loop.index }} of {{ loop.length }} {% endfor %}", "1 of 2 2 of 2"),
        ("{{ (products|first).name|default('none')|upper|truncate(9, true, '', 0) }}", "BREAD & B"),
        ("{% raw %}{{ {% x %} }}{%- endraw -%} end", "{{ {% x %} }}end"),
    ],
)  # fmt: skip
def test_and_what_a_letter_needs_is_not(text: str, made: str) -> None:
    assert render(text).text == f"{made}\n"


def test_each_render_has_its_own_allowance() -> None:
    renderer = Renderer(definition("{% for i in 'x' * 1500 %}{% endfor %}" * 2 + "done"))
    assert [renderer.render(VARIABLES).text for _ in range(5)] == ["done\n"] * 5


def test_one_renderer_serves_many_threads() -> None:
    renderer, out = shipped(CAMPAIGNS["thank_you"]), []

    def work(name: str) -> None:
        out.extend(f"Dear {name}," in renderer.render(VARIABLES | {"given_name": name}).text for _ in range(50))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("Ada", "Bo", "Cy")]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert out == [True] * 150


@pytest.mark.parametrize("campaign", ["thank_you", "win_back"])
def test_mails_link_to_unsubscribe_in_both_parts_and_work_without_products(campaign: str) -> None:
    message = shipped(CAMPAIGNS[campaign]).render(VARIABLES | {"products": []})
    assert VARIABLES["unsubscribe_url"] in message.text
    assert f'href="{VARIABLES["unsubscribe_url"]}"' in message.html
    assert "  - " not in message.text
    assert len(message.html) < 102_000  # Gmail clips what is longer


@pytest.mark.parametrize("campaign", ["weekly_bestsellers", "weekly_bestsellers_mastodon"])
def test_posts_are_short(campaign: str) -> None:
    products = [
        {"product_id": i, "name": "A product with quite a long name, as they have it in the shop " * 2}
        for i in range(5)
    ]
    text = shipped(CAMPAIGNS[campaign]).render(VARIABLES | {"products": products, "brand": "Shop"}).text
    assert len(text) < 500 or campaign == "weekly_bestsellers"  # Mastodon's limit
    assert "1. A product" in text
