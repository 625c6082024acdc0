"""From a frozen definition and one person's variables to a message."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError

from marketflow.campaigns.content.budget import LimitReached, begin_budget, end_budget
from marketflow.campaigns.content.formats import Formats, fallbacks, formats_for, localised
from marketflow.campaigns.content.links import Links, led, marked
from marketflow.campaigns.content.plain import text_template, tidy
from marketflow.campaigns.content.sandbox import CampaignEnvironment, TemplateRefused
from marketflow.campaigns.content.source import Piece, flatten, jinja, names_in, place_of
from marketflow.campaigns.content.words import clean, clean_variables

VARIABLES = ("given_name", "products", "brand", "business_date", "locale", "lang")
MAIL_LINKS = ("unsubscribe_url", "preferences_url", "web_version_url")
_AT_A_TIME = 256  # chunks; each is a stretch of the template or a value, so that they are short or shared
_MAX_SUBJECT, _MAX_PREHEADER, _MAX_BODY = 250, 300, 256_000
_EMPTY_LINES = re.compile(r"\n{3,}")
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_HIDDEN_PREHEADER = '<div style="display:none;max-height:0;overflow:hidden;">{{ preheader }}</div>'
_FAILURES = (
    TemplateError, LimitReached, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, AssertionError,
    RecursionError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RenderedMessage:
    """One message as its reader gets it. A post has an empty subject and no HTML; the preheader is in the HTML, too."""

    subject: str
    text: str
    html: str | None
    preheader: str = ""


class Renderer:
    """Templates of one plan, compiled once; `render` may be called for a million people, from one thread or many.

    `definition` is what activation.plans.definition holds: `{"campaign": {...}, "templates": {...},
    "subject_override"}`. Its templates are those of `definition.model.Templates`; plans of earlier versions have
    `subject`, `text`, `html` and `shared` only. Raises TemplateRefused for a template that cannot be used.
    """

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = definition
        templates = definition["templates"]
        self._currency = str(templates.get("currency") or "USD")
        variants: Mapping[str, Any] = templates.get("variants") or {}
        self._tags = {tag.lower(): tag for tag in variants}
        self._default = _Variant(definition, templates, str(templates.get("locale") or "en"))
        self._variant = lru_cache(len(variants) or 1)(
            lambda tag: _Variant(definition, {"shared": templates["shared"], "suffix": f".{tag}", **variants[tag]}, tag)
        )
        self._choose = lru_cache(1_024)(self._chosen)

    @property
    def locales(self) -> tuple[str, ...]:
        """The languages that the campaign is written in, the fallback first."""
        return (self._default.tag, *self._tags.values())

    def language(self, locale: str) -> str:
        """The one of `locales` that a customer of this locale reads."""
        return self._choose(locale)[0].tag

    def render(self, variables: Mapping[str, Any]) -> RenderedMessage:
        """The message for these variables.

        They are: given_name (or None), products (`[{"product_id", "name"}]`), brand, business_date (a date), locale
        (the customer's, which chooses the language) and, for mails, MAIL_LINKS. `links`, which no template sees, says
        how links are written (see `Links`). Raises TemplateRefused, whose message has none of their values.
        """
        variant, formats = self._choose(str(variables["locale"]))
        safe = clean_variables(variables)
        safe["_formats"], safe["lang"] = formats, variant.tag
        return variant.render(safe, safe.pop("links", None))

    def _chosen(self, locale: str) -> tuple[_Variant, Formats]:
        own = self._default.tag.lower()
        for tag in fallbacks(locale):
            if tag in self._tags:
                variant = self._variant(self._tags[tag])
                break
            if tag == own:
                variant = self._default
                break
        else:
            variant = self._default
        return variant, formats_for(variant.tag, locale, self._currency)


class _Variant:
    """The templates of one language."""

    def __init__(self, definition: Mapping[str, Any], templates: Mapping[str, Any], tag: str) -> None:
        name, self.tag = str(definition["campaign"]["name"]), tag
        self._is_mail = definition["campaign"]["channel"] == "email"
        dot, shared = templates.get("suffix", ""), templates.get("shared") or {}
        self._subject_name = f"{name}/subject{dot}.txt"
        body, html_body, before = f"{name}/body{dot}.txt", f"{name}/body{dot}.html", f"{name}/preheader{dot}.txt"
        override = definition.get("subject_override")
        sources = {
            self._subject_name: templates.get("subject"), before: templates.get("preheader"), body: templates["text"],
            html_body: templates.get("html"), "subject": override, **shared,
        }  # fmt: skip
        self._sources = {n: s for n, s in sources.items() if s is not None}
        self._instead = localised(shared, tag)
        self._flat: dict[str, str] = {}
        self._env = CampaignEnvironment(self._flat, VARIABLES + ((*MAIL_LINKS, "preheader") if self._is_mail else ()))
        self._from_html = templates["text"] is None
        has = self._sources.keys() if self._is_mail else ()
        self._subject = self._make("subject" if override else self._subject_name) if self._is_mail else None
        self._preheader = self._make(before) if before in has else None
        self._html = self._make(html_body, hides=before in has, is_html=True) if html_body in has else None
        self._text = self._make_text(html_body, body) if self._from_html else self._make(body)

    def render(self, safe: dict[str, Any], links: Links | None) -> RenderedMessage:
        subject = clean(self._fill(self._subject, safe), _MAX_SUBJECT) if self._subject else ""
        if self._is_mail and not subject:
            raise TemplateRefused(f"{self._subject_name}: the subject is empty")
        preheader = clean(self._fill(self._preheader, safe), _MAX_PREHEADER) if self._preheader else ""
        safe["preheader"] = preheader
        text = self._fill(self._text, safe)
        text = (tidy(text) if self._from_html else _EMPTY_LINES.sub("\n\n", text)).strip() + "\n"
        html = led(self._fill(self._html, safe), links) if self._html else None
        return RenderedMessage(subject=subject, text=text, html=html, preheader=preheader)

    def _make(self, name: str, *, hides: bool = False, is_html: bool = False) -> Template:
        pieces = flatten(name, self._sources, self._instead)
        if is_html:
            pieces = marked(pieces)
        if hides and not names_in(pieces, "preheader"):
            pieces = _with_preheader(pieces)
        return self._compile(name, jinja(pieces))

    def _make_text(self, html: str, name: str) -> Template:
        if html not in self._sources:
            raise TemplateRefused(f"{name}: missing, and there is no HTML to make it from")
        return self._compile(name, text_template(flatten(html, self._sources, self._instead)))

    def _compile(self, name: str, flat: str) -> Template:
        self._flat[name] = flat
        try:
            return self._env.get_template(name)
        except (SyntaxError, RecursionError, MemoryError):  # Python's own, for what Jinja made of the template
            raise TemplateRefused(f"{name}: conditions, loops or brackets stand too deep within one another") from None
        except (TemplateError, ValueError) as error:
            raise TemplateRefused(self._words(error, name)) from None

    def _fill(self, template: Template, variables: dict[str, Any]) -> str:
        chunks: list[str] = []
        size = 0
        token = begin_budget()
        try:
            # as Template.generate, without its two generators around each chunk
            made = template.root_render_func(template.new_context(variables, shared=True))
            while some := list(islice(made, _AT_A_TIME)):
                chunks += some
                size += sum(map(len, some))
                if size > _MAX_BODY:
                    raise LimitReached(f"it makes more than {_MAX_BODY} characters")
        except _FAILURES as error:
            raise TemplateRefused(self._words(error, template.name or "template")) from None
        finally:
            end_budget(token)
        return "".join(chunks)

    def _words(self, error: BaseException, template: str) -> str:
        """`win_back/body.txt:3: ...`: where in which file, and what; values of variables are never part of it."""
        if isinstance(error, TemplateSyntaxError):
            return f"{self._place(template, error.lineno)}: {error.message}"
        place = template
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_globals.get("name") == template and frame.f_code.co_name == "root":
                line = self._env.get_template(template).get_corresponding_lineno(frame.f_lineno)
                place = self._place(template, line)
        if isinstance(error, TemplateError | LimitReached):  # these speak of the template, others of values
            return f"{place}: {error}"
        return f"{place}: cannot be rendered ({type(error).__name__})"

    def _place(self, template: str, line: int) -> str:
        found = place_of(self._flat[template], line) or (template, line)
        return f"{found[0]}:{found[1]}"


def _with_preheader(pieces: list[Piece]) -> list[Piece]:
    """With the preheader, hidden, at the beginning of the body, since the HTML has no place of its own for it."""
    hidden = [Piece("out", p, pieces[0].file, 1) if p.startswith("{{") else Piece("text", p, pieces[0].file, 1)
              for p in re.split(r"(\{\{.*?\}\})", _HIDDEN_PREHEADER)]  # fmt: skip
    for i, piece in enumerate(pieces):
        if piece.kind == "text" and (found := _BODY.search(piece.text)):
            before = Piece("text", piece.text[: found.end()], piece.file, piece.line)
            line = piece.line + before.text.count("\n")
            return [
                *pieces[:i],
                before,
                *hidden,
                Piece("text", piece.text[found.end() :], piece.file, line),
                *pieces[i + 1 :],
            ]
    return [*hidden, *pieces]
