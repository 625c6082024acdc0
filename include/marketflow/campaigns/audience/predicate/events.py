"""did(...), in_segment(...), got_campaign(...): each a set of customers that PostgreSQL makes once and joins with.

EXISTS over a set that does not depend on the customer, so that it becomes a semi-join or, behind NOT, an anti-join.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from marketflow.campaigns.audience.predicate.about import About, meant
from marketflow.campaigns.audience.predicate.arguments import PRODUCT_WORDS, Arguments, read_arguments
from marketflow.campaigns.audience.predicate.parse import AudienceRefused, is_everybody

if TYPE_CHECKING:
    from sqlglot import exp

ORDER = "order"
# Systems name the same thing differently (Segment, GA4, and what shops say): one of these means all of its line.
FAMILIES = (
    ("page_viewed", "page_view", "page"),
    ("product_viewed", "view_item", "product_view"),
    ("product_added", "add_to_cart", "added_to_cart", "cart_add"),
    ("product_removed", "remove_from_cart", "removed_from_cart", "cart_remove"),
    ("checkout_started", "begin_checkout"),
    ("campaign_received",),
    ("email_opened", "campaign_opened"),
    ("email_clicked", "email_link_clicked", "campaign_clicked", "promotion_clicked"),
    ("coupon_redeemed", "coupon_applied"),
    ("signed_up", "sign_up"),
)
FUNCTIONS = ("did", "in_segment", "got_campaign", "everybody")
_MAX_EVENTS = 20
_DID = ("days", "at_least", *PRODUCT_WORDS)
_PRODUCT = {
    "category": sql.Identifier("p", "category"), "department": sql.Identifier("p", "department"),
    "brand": sql.Identifier("p", "brand"), "product": sql.Identifier("p", "product_ref"),
}  # fmt: skip
_IS_IT = sql.SQL("EXISTS (SELECT FROM {table} AS d WHERE d.customer_id = customer_360.customer_id AND {asked})")
_SO_OFTEN = sql.SQL(
    "EXISTS (SELECT FROM (SELECT d.customer_id FROM {table} AS d WHERE {asked} GROUP BY d.customer_id"
    " HAVING {count} >= {least}) AS d WHERE d.customer_id = customer_360.customer_id)"
)
# Whoever is in it now belongs to it, also while the history is a day behind.
_WAS_IN = sql.SQL(
    "EXISTS (SELECT FROM (SELECT h.customer_id FROM marts.segment_memberships AS h WHERE {} UNION ALL"
    " SELECT n.customer_id FROM marts.customer_360 AS n WHERE n.segment = {}) AS d"
    " WHERE d.customer_id = customer_360.customer_id)"
)
_PRODUCTS = sql.SQL("IN (SELECT p.product_id FROM marts.products AS p WHERE {})")
_ABOUT = sql.SQL("d.product_id {}")
# One row per product. With a million customers, asking each day with a sub-select of its own took nine times as long.
_BOUGHT = sql.SQL(
    "(SELECT o.customer_id, o.ordered_on, unnest(o.product_ids) AS product_id FROM marts.customer_days AS o WHERE {})"
)


class Events:
    """Compiles the predicates of one condition."""

    def __init__(self, about: About) -> None:
        self.about, self.seen = about, 0

    def compile(self, node: exp.Expr) -> sql.Composable:
        """The predicate as a fragment of SQL over marts.customer_360. Raises AudienceRefused."""
        made = {"did": self._did, "in_segment": self._in_segment, "got_campaign": self._got_campaign}.get(
            node.name.lower()
        )
        if is_everybody(node):
            raise AudienceRefused("everybody() stands alone or is joined by AND: everybody() AND email_consent")
        if made is None:
            raise AudienceRefused(
                f"the function {node.name[:40]!r} is not allowed in a condition"
                f"{meant(node.name, [*FUNCTIONS, 'lower', 'upper', 'coalesce'])}"
            )
        self.seen += 1
        if self.seen > _MAX_EVENTS:
            raise AudienceRefused(f"at most {_MAX_EVENTS} of {', '.join(FUNCTIONS[:3])} in one condition")
        return made(node)

    def _did(self, node: exp.Expr) -> sql.Composable:
        asked = read_arguments(node, _DID, example="did('order', days => 30, at_least => 2, category => 'WINE')")
        name = (asked.name or "").lower()
        products = self._products(asked)
        table: sql.Composable = sql.SQL("marts.customer_days")
        conditions: list[sql.Composable] = []
        count = sql.SQL("count(*)")
        if name == ORDER and products:
            table = _BOUGHT.format(self._days(sql.SQL("o.ordered_on"), asked.days))
            conditions += [_ABOUT.format(products)]
            # a day that has such a product counts once: which of the day's orders it was in is not kept
            count = sql.SQL("count(DISTINCT d.ordered_on)")
        elif name == ORDER:
            conditions += [self._days(sql.SQL("d.ordered_on"), asked.days)]
            count = sql.SQL("sum(d.orders)")
        else:
            table = sql.SQL("marts.customer_events")
            names = sql.SQL(", ").join(map(sql.Literal, self._names(name)))
            conditions += [
                self._days(sql.SQL("d.occurred_on"), asked.days),
                sql.SQL("d.event_type IN ({})").format(names),
            ]
            conditions += [_ABOUT.format(products)] if products else []
        asked_for = sql.SQL(" AND ").join(conditions)
        if asked.at_least == 1:
            return _IS_IT.format(table=table, asked=asked_for)
        return _SO_OFTEN.format(table=table, asked=asked_for, count=count, least=sql.Literal(asked.at_least))

    def _in_segment(self, node: exp.Expr) -> sql.Composable:
        asked = read_arguments(node, ("days",), example="in_segment('at_risk', days => 30)")
        name = asked.name or ""
        self.about.check("segment", name)
        if asked.days is None:  # for who is in none, NOT of it is true
            return sql.SQL('("segment" IS NOT NULL AND "segment" = {})').format(sql.Literal(name))
        stay = sql.SQL("h.segment = {} AND h.entered_on <= {} AND (h.left_on IS NULL OR h.left_on > {})").format(
            sql.Literal(name), _date(self.about.day), _date(self.about.since(asked.days))
        )
        return _WAS_IN.format(stay, sql.Literal(name))

    def _got_campaign(self, node: exp.Expr) -> sql.Composable:
        asked = read_arguments(
            node,
            ("days",),
            example="got_campaign('win_back', days => 30), or got_campaign(days => 7)",
            needs_name=False,
        )
        # what another system was told of her is no message to her
        conditions: list[sql.Composable] = [sql.SQL("d.state = 'sent' AND d.purpose <> 'post'")]
        if asked.name is not None:
            self.about.check("campaign", asked.name)
            conditions.append(sql.SQL("d.campaign = {}").format(sql.Literal(asked.name)))
        if asked.days is not None:  # what was sent today, after the business day, counts too: nobody is to get it twice
            since = self.about.begin_of(self.about.since(asked.days)).isoformat()
            conditions.append(sql.SQL("d.sent_at >= {}::timestamptz").format(sql.Literal(since)))
        return _IS_IT.format(table=sql.SQL("marts.campaign_sends"), asked=sql.SQL(" AND ").join(conditions))

    def _names(self, name: str) -> tuple[str, ...]:
        """The names by which systems call this event."""
        family = next((f for f in FAMILIES if name in f), None)
        if family is None:
            self.about.check("event", name)
        return family or (name,)

    def _products(self, asked: Arguments) -> sql.Composable | None:
        for kind, word in asked.words.items():
            self.about.check(kind, word)
        conditions = [
            sql.SQL("lower({}) = lower({})").format(_PRODUCT[kind], sql.Literal(word))
            for kind, word in asked.words.items()
        ]
        return _PRODUCTS.format(sql.SQL(" AND ").join(conditions)) if conditions else None

    def _days(self, on: sql.Composable, days: int | None) -> sql.Composable:
        """Until the business day, and of the last `days` days when they are given."""
        until = sql.SQL("{} <= {}").format(on, _date(self.about.day))
        if days is None:
            return until
        return sql.SQL("{} AND {} >= {}").format(until, on, _date(self.about.since(days)))


def _date(day: object) -> sql.Composable:
    return sql.SQL("{}::date").format(sql.Literal(str(day)))
