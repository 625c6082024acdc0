"""What the messages look like, for the person who approves: real renders in which no name can be read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg

from marketflow.campaigns.content import Renderer
from marketflow.privacy import GIVEN_NAME, KeyRing, mask_name
from marketflow.shared import settings
from marketflow.warehouse import queries

_SAMPLES = 3
_STAND_INS: tuple[list[dict[str, Any]], ...] = (
    [],
    [{"product_id": 0, "name": "A product"}, {"product_id": 1, "name": "Another product"}],
)


def check_templates(renderer: Renderer, day: dt.date) -> None:
    """Render for nobody, with and without a name and products, so that no branch fails first in front of a customer."""
    for name in (None, "A…"):
        for products in _STAND_INS:
            renderer.render(_variables(name, products, day, settings().locale))


def render_samples(
    conn: psycopg.Connection, renderer: Renderer, params: Mapping[str, Any], keys: KeyRing
) -> list[dict[str, str]]:
    """Up to three planned members' messages as `{"subject", "text"}`; the unsubscribe link is no real one."""
    q = queries("campaigns")
    members = conn.execute(q["sample_members"], {**params, "samples": _SAMPLES, "locale": settings().locale}).fetchall()
    wanted = sorted({i for _, _, ids in members for i in ids})
    names = {int(i): str(n) for i, n in conn.execute(q["product_names"], {"product_ids": wanted}).fetchall()}
    samples = []
    for given_name, locale, ids in members:
        shown = mask_name(keys.decrypt_text(given_name, GIVEN_NAME)) if given_name else None
        products = [{"product_id": i, "name": names[i]} for i in ids if i in names]
        message = renderer.render(_variables(shown, products, params["business_date"], locale))
        samples.append({"subject": message.subject, "text": message.text})
    return samples


def _variables(name: str | None, products: list[dict[str, Any]], day: dt.date, locale: str) -> dict[str, Any]:
    return {
        "given_name": name,
        "products": products,
        "brand": settings().brand,
        "business_date": day,
        "locale": locale,
        "unsubscribe_url": f"{settings().edge_url}/u/…",
    }
