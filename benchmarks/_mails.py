"""A ledger full of mails to send: a shop's templates, customers with consent, one released mail for each.

The templates (`_mail_templates/`) are like those of the shipped campaign `thank_you`, and a benchmark's own, so that a
change of words does not change what is measured: a layout with blocks, a loop over products; 4 kB as a mail.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from marketflow.campaigns.content import RenderedMessage, Renderer
from marketflow.campaigns.delivery import OutgoingMessage
from marketflow.campaigns.delivery.mime import compose
from marketflow.privacy import EMAIL, GIVEN_NAME, KeyRing, generate_key_ring
from marketflow.warehouse import connect

if TYPE_CHECKING:
    import psycopg

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
SENDER = "Bench Shop <shop@example.com>"
KEYS_JSON = generate_key_ring()
_TEMPLATES = Path(__file__).with_name("_mail_templates")
_NAMES = ("Ada", "Zoë", "李小龙", "Bob", "Maria", "Jürgen", "O'Brien", "Chen", "Noor", None)
_PRODUCTS = ("Assam tea", "Plum jam", "Rye bread", "Olive oil", "Chocolate", "Sea salt", "Oat milk", "Lentils")

_CONSENTS = """
INSERT INTO privacy.consents SELECT contact_point_id, channel, 'marketing', true, %s FROM core.contact_points
"""
_PLAN = """
INSERT INTO activation.plans (
    campaign, occasion, channel, definition_version, definition, is_dry_run, state, business_date, planned_at
) VALUES ('bench', '2026-11-21', 'email', 'v1', %s, false, 'released', '2026-11-21', %s) RETURNING plan_id
"""
_SENDS = """
INSERT INTO activation.sends (
    campaign, occasion, contact_point_id, channel, plan_id, customer_id, purpose, state, send_after, expires_at,
    content, definition_version, message_id, planned_at, released_at
)
SELECT
    'bench', '2026-11-21', c.contact_point_id, 'email', %(plan)s, c.customer_id, 'marketing', 'released', %(now)s,
    %(now)s + interval '1000 days', jsonb_build_object('product_ids', ARRAY[1, 3, 5, 1 + c.customer_id %% 8]), 'v1',
    left(encode(sha256(convert_to('bench' || c.contact_point_id, 'UTF8')), 'hex'), 32) || '@example.com',
    %(now)s, %(now)s
FROM core.contact_points AS c
ORDER BY c.contact_point_id
"""


def fill_ledger(dsn: str, count: int) -> None:
    """`count` customers with an address and consent, and a released mail for each: COPY and statements over sets."""
    with connect(dsn) as conn:
        _people(conn, count)
        conn.execute(_CONSENTS, [NOW])
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO marts.products (product_id, product_ref, product_name, is_recommendable)"
                " VALUES (%s, %s, %s, true)",
                [(n, f"p{n}", name) for n, name in enumerate(_PRODUCTS, start=1)],
            )
        row = conn.execute(_PLAN, [Jsonb(_definition()), NOW]).fetchone()
        assert row is not None
        conn.execute(_SENDS, {"plan": row[0], "now": NOW})
        conn.commit()
        conn.autocommit = True
        conn.execute("VACUUM ANALYZE")


def rendered(number: int) -> RenderedMessage:
    """The words of customer `number`'s mail."""
    products = [{"product_id": i, "name": _PRODUCTS[(number + i) % len(_PRODUCTS)]} for i in range(4)]
    return _renderer().render(
        {
            "given_name": _NAMES[number % len(_NAMES)],
            "products": products,
            "unsubscribe_url": f"https://shop.example.com/u/{number}.abcdefghijklmnopqrstuvwxyz0",
            "preferences_url": f"https://shop.example.com/p/{number}.abcdefghijklmnopqrstuvwxyz0",
            "web_version_url": f"https://shop.example.com/w/{number}.abcdefghijklmnopqrstuvwxyz0",
            "brand": "Bench Shop",
            "business_date": NOW.date(),
            "locale": "en-US",
        }
    )


def mean_size() -> int:
    """Bytes of a mail, on average, as it goes over the wire."""
    sizes = []
    for number in range(len(_NAMES)):
        words = rendered(number)
        one = OutgoingMessage(
            send_id=number, message_id="0" * 32 + "@example.com", campaign="bench", occasion="2026-11-21",
            address=f"customer.{number}@example.com", name=_NAMES[number], subject=words.subject, text=words.text,
            html=words.html, unsubscribe_url="https://shop.example.com/u/" + "x" * 32, written_at=NOW,
        )  # fmt: skip
        sizes.append(len(compose(one, SENDER)))
    return sum(sizes) // len(sizes)


@cache
def _renderer() -> Renderer:
    return Renderer(_definition())


def _definition() -> dict[str, Any]:
    """What a plan freezes."""
    text = {path.name: path.read_text(encoding="utf-8") for path in sorted(_TEMPLATES.iterdir())}
    return {
        "campaign": {"name": "bench", "channel": "email"},
        "templates": {
            "subject": text["subject.txt"],
            "text": text["body.txt"],
            "html": text["body.html"],
            "shared": {name: text[name] for name in ("layout.html", "products.html")},
        },
        "subject_override": None,
    }


def _people(conn: psycopg.Connection, count: int) -> None:
    """Customer n has the contact point n."""
    keys = KeyRing.from_json(KEYS_JSON)
    with conn.cursor().copy("COPY core.customers (given_name, first_seen_at, updated_at) FROM STDIN") as copy:
        for n in range(count):
            name = _NAMES[n % len(_NAMES)]
            copy.write_row((name and keys.encrypt(name, GIVEN_NAME), NOW, NOW))
    columns = "channel, address_hash, address, customer_id, first_seen_at"
    with conn.cursor().copy(f"COPY core.contact_points ({columns}) FROM STDIN") as copy:
        for n in range(1, count + 1):
            address = f"customer.{n}@mail{n % 50}.example.com"
            copy.write_row(("email", keys.keyed_hash(address), keys.encrypt(address, EMAIL), n, NOW))
