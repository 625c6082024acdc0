"""What the messages look like, for the person who approves: real renders in which no name can be read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from marketflow.campaigns.content import Renderer, TemplateRefused, lint
from marketflow.campaigns.content.arms import arms_of, of_arm
from marketflow.privacy import GIVEN_NAME, KeyRing, mask_name
from marketflow.shared import settings
from marketflow.warehouse import queries

_SAMPLES = 3


def check_templates(renderer: Renderer, day: dt.date) -> list[str]:
    """Render all languages for nobody, with and without a name and products, and look for faults (lint).

    So no branch fails first in front of a customer. Raises TemplateRefused with the errors; returns the warnings.
    """
    found = lint(renderer.definition, brand=settings().brand, day=day)
    if errors := [f"{f.place}: {f.words}" for f in found if f.severity == "error"]:
        raise TemplateRefused("\n".join(errors))
    return [f"{f.place}: {f.words}" for f in found]


def check_arms(frozen: Mapping[str, Any], day: dt.date) -> list[str]:
    """check_templates for each arm of the experiment, or for the campaign without one; says of which arm a fault is."""
    warnings: list[str] = []
    for arm in arms_of(frozen):
        try:
            found = check_templates(Renderer(of_arm(frozen, arm)), day)
        except TemplateRefused as error:
            raise TemplateRefused(f"arm {arm}: {error}" if arm else str(error)) from None
        warnings += [f"arm {arm}: {words}" if arm else words for words in found]
    return list(dict.fromkeys(warnings))


def render_arms(
    conn: psycopg.Connection, frozen: Mapping[str, Any], params: Mapping[str, Any], keys: KeyRing
) -> list[dict[str, str]]:
    """render_samples for each arm that people of the plan are in; a sample of an experiment says which (`arm`)."""
    samples: list[dict[str, str]] = []
    for arm in arms_of(frozen):
        made = render_samples(conn, Renderer(of_arm(frozen, arm)), {**params, "variant": arm}, keys)
        samples += [{**sample, "arm": arm} if arm else sample for sample in made]
    return samples


def render_samples(
    conn: psycopg.Connection, renderer: Renderer, params: Mapping[str, Any], keys: KeyRing
) -> list[dict[str, str]]:
    """Some planned members' messages as `{"subject", "preheader", "text", "locale"}`.

    Three, or as many as there are languages, of each language one; the unsubscribe link is no real one.
    """
    languages = sorted({tag.split("-", maxsplit=1)[0].lower() for tag in renderer.locales[1:]})
    rows = conn.execute(
        queries("campaigns")["sample_members"],
        {**params, "samples": _SAMPLES, "locale": settings().locale, "languages": languages},
    ).fetchall()
    chosen = _of_each_language(renderer, [row[1:] for row in rows])
    messages = render_masked(conn, renderer, chosen, params["business_date"], keys)
    return [{part: m[part] or "" for part in ("subject", "preheader", "text", "locale")} for m in messages]


def render_masked(
    conn: psycopg.Connection, renderer: Renderer, members: Sequence[tuple[Any, ...]], day: dt.date, keys: KeyRing
) -> list[dict[str, str | None]]:
    """Messages for `(given_name, locale, product_ids)` of real customers, their names as an initial and a dot."""
    wanted = sorted({i for _, _, ids in members for i in ids})
    q = queries("campaigns")
    names = {int(i): str(n) for i, n in conn.execute(q["product_names"], {"product_ids": wanted}).fetchall()}
    messages: list[dict[str, str | None]] = []
    for given_name, locale, ids in members:
        shown = mask_name(keys.decrypt_text(given_name, GIVEN_NAME)) if given_name else None
        products = [{"product_id": i, "name": names[i]} for i in ids if i in names]
        made = renderer.render(_variables(shown, products, day, locale))
        messages.append(
            {
                "subject": made.subject,
                "preheader": made.preheader,
                "text": made.text,
                "html": made.html,
                "locale": locale,
            }
        )
    return messages


def _of_each_language(renderer: Renderer, members: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The first member of each language, then others in their order, until there are enough."""
    first: dict[str, int] = {}
    for i, (_, locale, _) in enumerate(members):
        first.setdefault(renderer.language(locale), i)
    others = [i for i in range(len(members)) if i not in first.values()]
    return [members[i] for i in sorted([*first.values(), *others][: max(_SAMPLES, len(first))])]


def _variables(name: str | None, products: list[dict[str, Any]], day: dt.date, locale: str) -> dict[str, Any]:
    return {
        "given_name": name,
        "products": products,
        "brand": settings().brand,
        "business_date": day,
        "locale": locale,
        "unsubscribe_url": f"{settings().edge_url}/u/…",
        "preferences_url": f"{settings().edge_url}/p/…",
        "web_version_url": f"{settings().edge_url}/w/…",
    }
