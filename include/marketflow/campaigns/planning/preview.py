"""What a campaign's messages look like before anything is planned: for real customers, masked, or for nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from marketflow.campaigns.content import Finding, Renderer, fallbacks, lint, stand_ins
from marketflow.campaigns.content.arms import arms_of, of_arm
from marketflow.campaigns.content.page import Shown, page
from marketflow.campaigns.definition import Campaign
from marketflow.campaigns.planning.samples import render_masked
from marketflow.privacy import KeyRing
from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import nearest
from marketflow.warehouse import queries

_SHOWN = 2  # customers of each language


@dataclass(frozen=True, kw_only=True)
class Preview:
    """An HTML page that needs nothing beside itself, how many real customers it shows, and the lint's findings."""

    html: str
    customers: int
    findings: list[Finding]


def lint_campaign(campaign: Campaign, day: dt.date) -> list[Finding]:
    """Faults of the templates, errors first; of an experiment each arm's, once, with the arm that they are of."""
    brand = settings().brand
    first, *others = arms_of(campaign.frozen)
    found = lint(of_arm(campaign.frozen, first), brand=brand, day=day)
    for arm in others:
        own = lint(of_arm(campaign.frozen, arm), brand=brand, day=day)
        found += [replace(f, words=f"{f.words} (arm {arm})") for f in own if f not in found]
    return sorted(found, key=lambda f: f.severity != "error")


def preview(
    campaign: Campaign,
    *,
    day: dt.date,
    locale: str | None = None,
    conn: psycopg.Connection | None = None,
    keys: KeyRing | None = None,
) -> Preview:
    """Render the campaign, or each arm, in each of its languages, or in the one that a customer of `locale` reads.

    With `conn` and `keys` for two customers of each language, whether they get the campaign or not, with the products
    that are recommended to them; always for nobody, too: without a name and without products. Nothing is written.
    Raises TemplateRefused, and DefinitionError for a locale that the campaign has no language for.
    """
    members = _members(conn, campaign) if conn is not None and keys is not None else []
    groups: list[tuple[str, list[Shown]]] = []
    customers = 0
    for arm in arms_of(campaign.frozen):
        definition = of_arm(campaign.frozen, arm)
        renderer = Renderer(definition)
        for tag in _languages(renderer, locale):
            of_tag = [m for m in members if renderer.language(m[1]) == tag][:_SHOWN]
            customers += len(of_tag)
            shown: list[Shown] = []
            if conn is not None and keys is not None:
                shown = [
                    Shown(f"a customer, {m['locale']}", **_parts(m))
                    for m in render_masked(conn, renderer, of_tag, day, keys)
                ]
            shown += _nobody(renderer, definition, tag, day, full=not shown)
            groups.append((f"{tag}, arm {arm}" if arm else tag, shown))
    findings = lint_campaign(campaign, day)
    html = page(campaign.title, settings().sender if campaign.channel == "email" else "", groups, findings)
    return Preview(html=html, customers=customers, findings=findings)


def _languages(renderer: Renderer, locale: str | None) -> list[str]:
    if locale is None:
        return list(renderer.locales)
    tag = renderer.language(locale)
    if tag.lower() not in fallbacks(locale) and fallbacks(tag)[-1] != fallbacks(locale)[-1]:
        raise DefinitionError(f"the campaign has no language for {locale!r}{nearest(locale, renderer.locales)}")
    return [tag]


def _members(conn: psycopg.Connection, campaign: Campaign) -> list[tuple[Any, ...]]:
    recommend = campaign.content.recommend
    params = {"list": recommend.list if recommend else None, "most": recommend.limit if recommend else 0}
    if recommend and recommend.list == "goes_with":  # needs a basket; what suits her stands in for it, as in a plan
        params["list"] = "discover"
    return conn.execute(queries("campaigns")["preview_members"], {**params, "samples": _SHOWN}).fetchall()


def _nobody(
    renderer: Renderer, definition: Mapping[str, Any], tag: str, day: dt.date, *, full: bool
) -> Iterator[Shown]:
    """The barest message, and where no customer was shown the fullest, too."""
    people = list(stand_ins(definition, settings().brand, day))
    for words, variables in [("nobody, with name and products", people[-1])] * full + [("nobody, without", people[0])]:
        made = renderer.render({**variables, "locale": tag})
        parts = {"subject": made.subject, "preheader": made.preheader, "text": made.text, "html": made.html}
        yield Shown(words, **_parts(parts))


def _parts(message: dict[str, str | None]) -> dict[str, Any]:
    return {part: message[part] for part in ("subject", "preheader", "text", "html")}
