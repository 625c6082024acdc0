"""A folder of templates: languages, preheaders, blocks, MJML, plain text from HTML; and each way to get one wrong."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from marketflow.campaigns import Renderer, load_campaigns
from marketflow.campaigns.content.formats import fallbacks
from marketflow.campaigns.definition import load_campaign
from template_folder import VARIABLES, folder, mjml, refused, renderer

SHIPPED = {c.name: c for c in load_campaigns() if c.channel == "email"}


# languages


@pytest.mark.parametrize(
    ("locale", "subject"),
    [
        ("zh-CN", "mainland"), ("zh_CN", "mainland"), ("zh", "Chinese"), ("zh-TW", "Chinese"), ("ZH-SG", "Chinese"),
        ("en-GB", "Hi"), ("fr-FR", "Hi"), ("xx", "Hi"), ("", "Hi"), ("not a locale", "Hi"),
    ],
)  # fmt: skip
def test_the_customer_s_locale_chooses_the_language(tmp_path: Path, locale: str, subject: str) -> None:
    made = renderer(
        tmp_path, body__txt="x", subject__zh__txt="Chinese", body__zh__txt="z",
        subject__zh_CN__txt="mainland", body__zh_CN__txt="m",
    )  # fmt: skip
    assert made.render(VARIABLES | {"locale": locale}).subject == subject


def test_taiwan_reads_traditional_chinese_where_there_is_some(tmp_path: Path) -> None:
    assert fallbacks("zh-TW")[:3] == ("zh-tw", "zh-hant-tw", "zh-hant")
    assert fallbacks("zh-CN")[-2:] == ("zh-hans", "zh")
    files = {f"{kind}.{tag}.txt": tag for kind in ("subject", "body") for tag in ("zh", "zh-Hant", "en")}
    letter = folder(tmp_path)
    (letter / "subject.txt").unlink()
    for name, text in files.items():
        (letter / name).write_text(text)
    made = Renderer(load_campaign(letter).frozen)
    seen = {tag: made.render(VARIABLES | {"locale": tag}).subject for tag in ("zh-TW", "zh-CN", "de", "en-AU")}
    assert seen == {"zh-TW": "zh-Hant", "zh-CN": "zh", "de": "en", "en-AU": "en"}


def test_dates_and_money_are_written_as_in_the_reader_s_country_if_she_reads_its_language(tmp_path: Path) -> None:
    text = "{{ business_date|day }} / {{ business_date|day('short') }} / {{ 1234.5|money }} / {{ 5|money('CNY') }} / {{ 12345.5|number }} / {{ 0.2|percent }}"
    made = renderer(tmp_path, body__txt=text, subject__zh__txt="s", body__zh__txt=text)
    seen = {tag: made.render(VARIABLES | {"locale": tag}).text.strip() for tag in ("en-US", "en-GB", "de-DE", "zh-CN")}
    assert seen == {
        "en-US": "December 31, 2017 / 12/31/17 / $1,234.50 / CN¥5.00 / 12,345.5 / 20%",
        "en-GB": "31 December 2017 / 31/12/2017 / US$1,234.50 / CN¥5.00 / 12,345.5 / 20%",
        "de-DE": "December 31, 2017 / 12/31/17 / $1,234.50 / CN¥5.00 / 12,345.5 / 20%",  # the text is English
        "zh-CN": "2017年12月31日 / 2017/12/31 / US$1,234.50 / ¥5.00 / 12,345.5 / 20%",
    }


@pytest.mark.parametrize(
    "text",
    ["{{ given_name|money }}", "{{ given_name|day }}", "{{ business_date|day('tiny') }}", "{{ products|number }}"],
)
def test_formats_of_what_has_none_are_refused_without_the_value(tmp_path: Path, text: str) -> None:
    said = refused(tmp_path, body__txt=f"a\n{text}")
    assert re.match(r"letter/body\.txt:2: cannot be rendered \(\w+\)$", said), said
    assert "Ada" not in said


@pytest.mark.parametrize("campaign", SHIPPED)
def test_the_shipped_mails_are_whole_in_english_and_chinese(campaign: str) -> None:
    made = Renderer(SHIPPED[campaign].frozen)
    assert made.locales == ("en", "zh")
    english, chinese = (made.render(VARIABLES | {"locale": tag}) for tag in ("en-US", "zh-CN"))
    assert '<html lang="en"' in english.html
    assert '<html lang="zh"' in chinese.html
    assert ("Unsubscribe</a>" in english.html, "退订</a>" in chinese.html) == (True, True)
    for message in (english, chinese):
        assert message.preheader
        assert message.html.count(message.preheader) == 1
        assert "Bread &amp; &lt;butter&gt;" in message.html
        assert "Bread & <butter>" in message.text
    words = re.sub(r"<style.*?</style>|<!--.*?-->|<[^>]*>|&#?\w+;", " ", chinese.html, flags=re.DOTALL)
    latin = set(re.findall(r"[A-Za-z]{2,}", words)) - {"Ada", "The", "Shop", "Bread", "butter", "Milk"}
    assert latin == set()
    assert not re.search("[\u3400-\u9fff]", english.html + english.text + english.subject)


def test_version_changes_with_each_template(tmp_path: Path) -> None:
    files = {
        "body__txt": "x",
        "preheader__txt": "p",
        "subject__zh__txt": "s",
        "body__zh__mjml": mjml("<mj-text>x</mj-text>"),
        "_shared__a__html": "a",
    }
    versions = [load_campaign(folder(tmp_path / "0", **files)).definition_version]
    for name, text in files.items():
        changed = text.replace(">x<", ">y<") if "mjml" in name else text + "!"
        versions.append(load_campaign(folder(tmp_path / name, **files | {name: changed})).definition_version)
    assert len(set(versions)) == len(files) + 1


def test_plans_of_earlier_versions_still_render() -> None:
    templates = {
        "subject": "Hi {{ given_name }}", "text": "{{ business_date|day }}",
        "html": '{% extends "layout.html" %}{% block preheader %}Before{% endblock %}{% block content %}{{ given_name }}{% include "p.html" %}{% endblock %}',
        "shared": {
            "layout.html": "<i>{% block preheader %}{% endblock %}</i>{% block content %}{% endblock %}",
            "p.html": "{% for product in products %}<p>{{ product.name }}</p>{% endfor %}",
        },
    }  # fmt: skip
    old = {"campaign": {"name": "letter", "channel": "email"}, "templates": templates, "subject_override": None}
    message = Renderer(old).render(VARIABLES | {"locale": "zh-CN"})
    assert (message.subject, message.text) == ("Hi Ada", "December 31, 2017\n")
    assert message.html == "<i>Before</i>Ada<p>Bread &amp; &lt;butter&gt;</p><p>Milk</p>"


# preheader


def test_a_preheader_goes_where_the_html_wants_it(tmp_path: Path) -> None:
    made = renderer(tmp_path, body__html="<p>{{ preheader }}</p>", preheader__txt="For {{ given_name }}\r\nX: y")
    message = made.render(VARIABLES | {"given_name": "<b>"})
    assert (message.preheader, message.html) == ("For <b> X: y", "<p>For &lt;b&gt; X: y</p>")


def test_and_hidden_at_its_beginning_where_it_has_no_place(tmp_path: Path) -> None:
    made = renderer(
        tmp_path, body__html="<html><body bgcolor=white>\n<p>x</p></body></html>", preheader__txt="Look & see"
    )
    html = made.render(VARIABLES).html
    assert re.fullmatch(
        r"<html><body bgcolor=white><div style=\"display:none[^>]*>Look &amp; see</div>\n<p>x</p></body></html>", html
    )


# blocks


def test_a_language_has_its_own_shared_blocks(tmp_path: Path) -> None:
    made = renderer(
        tmp_path, body__html='{% include "bye.html" %}', subject__zh__txt="s", body__zh__html='{% include "bye.html" %}',
        _shared__bye__html="Bye, {{ brand }}", _shared__bye__zh__html="再见 {{ brand }}",
    )  # fmt: skip
    assert made.render(VARIABLES).html == "Bye, The Shop"
    assert made.render(VARIABLES | {"locale": "zh-CN"}).html == "再见 The Shop"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"body__html": 'a\n{% include "a.html" %}', "_shared__a__html": '\n\n{% include "a.html" %}'}, "_shared/a.html:3: a.html includes itself"),
        ({"body__html": '{% include "a.html" %}', "_shared__a__html": '{% include "b.html" %}', "_shared__b__html": 'x\n{% include "a.html" %}'}, "_shared/b.html:2: a.html includes itself"),
        ({"body__html": '{% extends "a.html" %}', "_shared__a__html": '{% extends "a.html" %}'}, "_shared/a.html:1: a.html includes itself"),
        ({"body__html": 'a\n\n{% include "nothing.html" %}'}, "letter/body.html:3: there is no shared template 'nothing.html'"),
        ({"body__html": '{% extends "nothing.html" %}'}, "letter/body.html:1: there is no shared template 'nothing.html'"),
        ({"body__mjml": mjml('{% include "nothing.mjml" %}')}, "letter/body.mjml:5: there is no shared template 'nothing.mjml'"),
        ({"body__mjml": '\n{% include "a.mjml" %}', "_shared__a__mjml": 'x\n{% include "a.mjml" %}'}, "_shared/a.mjml:2: a.mjml includes itself"),
        ({"body__html": "{% include given_name %}"}, "letter/body.html:1: include takes the name of a shared template, in quotes"),
        ({"body__html": "x\n{% block a %}"}, "letter/body.html:2: the block 'a' is opened and not closed"),
        ({"body__html": "{% block a %}{% block a %}{% endblock %}{% endblock %}"}, "letter/body.html:1: the block 'a' stands twice"),
        ({"body__html": "a\n{{ x"}, "letter/body.html:2: {{ is opened and not closed"),
        ({"body__html": "a\n{% if products %}\n{{ products[0].nme }}{% endif %}"}, "letter/body.html:3: 'dict object' has no attribute 'nme'"),
        ({"body__html": '{% include "a.html" %}', "_shared__a__html": "\n\n<p>\n{{ nme }}"}, "_shared/a.html:4: there is no variable 'nme'; there are brand"),
    ],
)  # fmt: skip
def test_faults_of_blocks_name_the_file_that_has_them(tmp_path: Path, files: dict[str, str], said: str) -> None:
    assert refused(tmp_path, **files).startswith(said)


def test_a_bomb_of_includes_is_refused_quickly(tmp_path: Path) -> None:
    files = {f"_shared__a{i}__html": f'{{% include "a{i + 1}.html" %}}' * 10 for i in range(12)}
    began = time.process_time()
    said = refused(tmp_path, body__html='{% include "a0.html" %}', _shared__a12__html="x" * 1000, **files)
    assert "longer than 1000000 characters" in said
    assert time.process_time() - began < 5


# MJML


def test_mjml_keeps_conditions_loops_values_and_cjk(tmp_path: Path) -> None:
    body = mjml(
        "{% if given_name %}\n<mj-text>Dear {{ given_name }} {% if 1 < 2 %}&amp; 你好 👩\u200d👧{% endif %}</mj-text>\n{% endif %}\n"
        '{% for product in products %}<mj-button href="https://x.test/{{ product.product_id }}?a=1&amp;b=你">{{ product.name }}</mj-button>{% endfor %}\n'
        '<mj-image src="https://x.test/a.png" alt="家庭 👩\u200d👧 &quot;{{ given_name }}&quot; \\ {{ brand }}" />'
    )
    made = renderer(tmp_path, body__mjml=body)
    html = made.render(VARIABLES | {"given_name": "<b>&"}).html
    assert "Dear &lt;b&gt;&amp; &amp; 你好 👩\u200d👧<" in html
    assert 'href="https://x.test/1?a=1&amp;b=你"' in html
    assert 'href="https://x.test/2?a=1&amp;b=你"' in html
    assert "Bread &amp; &lt;butter&gt;" in html
    assert 'alt="家庭 👩\u200d👧 &quot;&lt;b&gt;&amp;&quot; \\ The Shop"' in html
    assert not re.search("</?mj-|qjz|zjq|u{|fonts.googleapis", html)
    assert "Dear" not in made.render(VARIABLES | {"given_name": None}).html


def test_html_in_a_name_is_text_in_mjml_everywhere(tmp_path: Path) -> None:
    body = mjml(
        '<mj-text css-class="{{ given_name }}">{{ given_name }}</mj-text><mj-button href="{{ given_name }}">{{ given_name }}</mj-button><mj-raw>{{ given_name }}</mj-raw>'
    )
    html = renderer(tmp_path, body__mjml=body).render(VARIABLES | {"given_name": '"><script>alert(1)</script>'}).html
    assert "<script" not in html
    assert html.count("&#34;&gt;&lt;script&gt;") >= 5


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<mj-text>a</mj-txt>", "5: there is no element <mj-txt>; did you mean 'mj-text'?"),
        ("<mj-tex>a</mj-tex>", "5: there is no element <mj-tex>; did you mean 'mj-text'?"),
        ("\n<mj-text>a", "10: </mj-column> closes what is not open; <mj-text> of line 6 is open".replace("10", "7")),
        ("<mj-text>\n<p>a</mj-text>", "6: </mj-text> closes what is not open; <p> of line 6 is open"),
        ("<mj-text>a < b</mj-text>", "5: a tag is opened with < and not closed; a plain < is written &lt;"),
        ("just text", "5: text stands in <mj-column>, which holds other elements only; put it into <mj-text>"),
        ("{{ given_name }}", "5: this stands in <mj-column>, which holds other elements only; put it into <mj-text>"),
        ("<mj-text {% if products %}color='red'{% endif %}>x</mj-text>", "5: within a tag, Jinja stands in the quotes"),
        ("<mj-social>{% if products %}<mj-social-element name='x'>x</mj-social-element>{% endif %}</mj-social>", "5: no condition or loop can stand in <mj-social>"),
        ("<mj-include path='x.mjml' />", "5: there is no element <mj-include>; blocks are shared with {% include %}"),
        ("<mj-text>{% if given_name %}x</mj-text>", "5: "),
        ("<mj-text>\n\n{{ given_nme }}</mj-text>", "7: there is no variable 'given_nme'; did you mean 'given_name'?"),
        ("<mj-text>\n{% if products %}\n{{ products[0].nme }}{% endif %}</mj-text>", "7: 'dict object' has no attribute 'nme'"),
        ("<mj-text>\na</mj-text>\n<mj-text title='{{ brand }}'>a</mj-text>", "7: MJML leaves out what stands here"),
        ("<mj-text>{{ given_name|safe }}</mj-text>", "5: the filter 'safe' would let"),
    ],
)  # fmt: skip
def test_broken_mjml_names_file_and_line(tmp_path: Path, inside: str, said: str) -> None:
    assert refused(tmp_path, body__mjml=mjml(inside)).startswith(f"letter/body.mjml:{said}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "<p>x</p>",
        "<mjml>",
        "<mjml></mjml></mjml>",
        "<mjml><mj-body>{% if x %}</mj-body></mjml>",
        "<" * 50_000,
        "{{" * 50_000,
        '<a "" ' * 20_000,
        "<mj-text>" * 20_000,
    ],
)
def test_what_is_no_mjml_is_an_error_of_ours_and_quick(tmp_path: Path, text: str) -> None:
    began = time.process_time()
    assert refused(tmp_path, body__mjml=text).startswith("letter/body.mjml")
    assert time.process_time() - began < 3


def test_blocks_of_mjml_are_shared(tmp_path: Path) -> None:
    made = renderer(
        tmp_path, body__mjml='{% extends "frame.mjml" %}{% block content %}{% include "list.mjml" %}{% endblock %}',
        _shared__frame__mjml=mjml("{% block content %}{% endblock %}"),
        _shared__list__mjml="{% for product in products %}<mj-text>{{ product.name }}</mj-text>{% endfor %}",
    )  # fmt: skip
    assert made.render(VARIABLES).html.count("Milk") == 1
    assert made.render(VARIABLES).text == "Bread & <butter>\n\nMilk\n"


# files


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"body__mjml": mjml(""), "body__html": "x"}, "letter/body.mjml: there is body.html, too; keep the one that shall be sent"),
        ({"body__zh__mjml": mjml(""), "body__zh__html": "x", "subject__zh__txt": "x", "body__txt": "x"}, "letter/body.zh.mjml: there is body.zh.html, too"),
        ({"body__txt": "x", "body__zz__txt": "x"}, "letter/body.zz.txt: there is no locale 'zz'; a language is written as in body.zh.txt"),
        ({"body__txt": "x", "body__chinese__txt": "x"}, "letter/body.chinese.txt: there is no locale 'chinese'"),
        ({"body__txt": "x", "subjct__txt": "x"}, "letter/subjct.txt: is no template that is known; did you mean 'subject.txt'?"),
        ({"body__txt": "x", "subject__html": "x"}, "letter/subject.html: is no template that is known"),
        ({"body__txt": "x", "body__zh__txt": "x"}, "letter/subject.zh.txt: missing; the folder has body.txt, body.zh.txt"),
        ({"body__txt": "x", "subject__zh__txt": "x"}, "letter/body.zh.txt: missing; the folder has body.txt, campaign.yaml, subject.txt, subject.zh.txt; body.zh.html or body.zh.mjml will do, too"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_named(tmp_path: Path, files: dict[str, str], said: str) -> None:
    assert refused(tmp_path, **files).startswith(said)


# limits and hostile values, in HTML and MJML as in text


@pytest.mark.parametrize("kind", ["body__txt", "body__html", "body__mjml"])
@pytest.mark.parametrize(
    "text",
    [
        "{% for a in 'x' * 2000 %}{% for b in 'x' * 2000 %}{% for c in 'x' * 2000 %}{% endfor %}{% endfor %}{% endfor %}",
        "{% set a = 'x' * 2000 %}{% for i in a %}{{ a }}{% endfor %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ products[0].__class__ }}",
        "{{ _formats }}",
        "{{ business_date|day|attr('__class__') }}",
        "{{ nothing }}",
    ],
    ids=["endless_loop", "ten_megabytes", "internals", "internals_of_a_product", "our_own", "internals_of_a_format", "missing_variable"],
)  # fmt: skip
def test_bad_templates_are_refused_in_each_kind_of_body(tmp_path: Path, kind: str, text: str) -> None:
    began = time.process_time()
    said = refused(tmp_path, **{kind: mjml(f"<mj-text>{text}</mj-text>") if kind == "body__mjml" else text})
    assert said.startswith("letter/body.")
    assert time.process_time() - began < 3
