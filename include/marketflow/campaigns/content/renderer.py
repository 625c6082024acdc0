"""From a frozen definition and one person's variables to a message."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Template, TemplateError, TemplateNotFound, TemplateSyntaxError

from marketflow.campaigns.content.sandbox import CampaignEnvironment, LimitReached, TemplateRefused, budget
from marketflow.campaigns.content.words import clean, clean_variables

VARIABLES = ("given_name", "products", "brand", "business_date", "locale")
_MAX_SUBJECT = 250
_MAX_BODY = 256_000
_FAILURES = (
    TemplateError, LimitReached, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RenderedMessage:
    """One message as its reader gets it. A post has an empty subject and no HTML."""

    subject: str
    text: str
    html: str | None


class Renderer:
    """Templates of one plan, compiled once; `render` may be called for a million people, from one thread or many.

    `definition` is what activation.plans.definition holds: `{"campaign": {...}, "templates": {"subject", "text",
    "html", "shared"}, "subject_override"}`. Raises TemplateRefused for a template that cannot be used.
    """

    def __init__(self, definition: Mapping[str, Any]) -> None:
        campaign, templates = definition["campaign"], definition["templates"]
        self._name, self._is_mail = str(campaign["name"]), campaign["channel"] == "email"
        override = definition.get("subject_override")
        sources = {
            f"{self._name}/subject.txt": templates.get("subject"),
            f"{self._name}/body.txt": templates["text"],
            f"{self._name}/body.html": templates.get("html"),
            "subject": override,
            **templates.get("shared", {}),
        }
        self._env = CampaignEnvironment(
            {n: s for n, s in sources.items() if s is not None},
            (*VARIABLES, "unsubscribe_url") if self._is_mail else VARIABLES,
        )
        self._subject = self._compile("subject" if override else f"{self._name}/subject.txt") if self._is_mail else None
        self._text = self._compile(f"{self._name}/body.txt")
        self._html = self._compile(f"{self._name}/body.html") if templates.get("html") and self._is_mail else None

    def render(self, variables: Mapping[str, Any]) -> RenderedMessage:
        """The message for these variables.

        They are: given_name (or None), products (`[{"product_id", "name"}]`), brand, business_date (a date), locale
        and, for mails, unsubscribe_url. Raises TemplateRefused, whose message has none of their values.
        """
        safe = clean_variables(variables)
        subject = clean(self._fill(self._subject, safe), _MAX_SUBJECT) if self._subject else ""
        if self._is_mail and not subject:
            raise TemplateRefused(f"{self._name}/subject.txt: the subject is empty")
        text = re.sub(r"\n{3,}", "\n\n", self._fill(self._text, safe)).strip() + "\n"
        return RenderedMessage(subject=subject, text=text, html=self._fill(self._html, safe) if self._html else None)

    def _compile(self, name: str) -> Template:
        try:
            return self._env.get_template(name)
        except (TemplateError, RecursionError, ValueError) as error:
            raise TemplateRefused(_words(error, name)) from None

    def _fill(self, template: Template, variables: Mapping[str, Any]) -> str:
        chunks, size = [], 0
        try:
            with budget():
                for chunk in template.generate(variables):
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > _MAX_BODY:
                        raise LimitReached(f"it makes more than {_MAX_BODY} characters")
        except _FAILURES as error:
            raise TemplateRefused(_words(error, template.name or "template")) from None
        return "".join(chunks)


def _words(error: BaseException, template: str) -> str:
    """`win_back/body.txt:3: ...`: where in which file, and what; the values of variables are never part of it."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or error.name or template}:{error.lineno}: {error.message}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.endswith(".py")]
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else template
    if isinstance(error, TemplateNotFound):
        return f"{place}: there is no shared template {error.name!r}"
    if isinstance(error, TemplateError | LimitReached):  # these speak of the template, others of values
        return f"{place}: {error}"
    return f"{place}: cannot be rendered ({type(error).__name__})"
