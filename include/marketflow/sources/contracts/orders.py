"""Orders: one row per order line. A file holds an order whole; a later version of the order replaces it."""

from decimal import Decimal

from marketflow.sources.contracts.model import (
    Column,
    Contract,
    Rule,
    currency,
    deleted,
    identifier,
    money,
    updated_at,
)

ORDERS = Contract(
    record="orders",
    version="2",
    table="raw.order_lines",
    description="Order lines, returns and cancellations; all lines of an order stand in one file",
    key=("order_id",),
    is_bulk=True,
    stored="raw.orders",
    columns=(
        identifier("order_id", "order_ref", "The shop's order number; a return or cancellation has one of its own"),
        identifier("customer_id", "customer_ref", "Who bought; absent for a guest", required=False),
        identifier("store_id", "store_ref", "Where; absent for the web shop", required=False),
        identifier("product_id", "product_ref", "What was bought; need not be in the catalogue"),
        Column(
            name="quantity", target="quantity", kind="number", required=True, decimals=3,
            minimum=Decimal(-99_999_999), maximum=Decimal(99_999_999),
            description="Pieces, or another unit for goods that are not counted; 0 happens, negative in a return or "
                        "cancellation only",
        ),
        money("amount", "What the shop receives for the line, discounts taken off; negative for money given back",
              minimum="-99999999"),
        money("retail_discount", "What the shop's own prices took off, as a positive number; absent means 0",
              minimum="0", required=False, default="0"),
        money("coupon_discount", "What coupons took off, as a positive number; absent means 0",
              minimum="0", required=False, default="0"),
        currency("Currency of the three amounts", required=True),
        Column(name="ordered_at", target="ordered_at", kind="instant", required=True,
               description="When the order, return or cancellation was made: its money counts on that day"),
        Column(name="kind", target="kind", default="sale", allowed=("sale", "return", "cancellation"),
               description="sale, return or cancellation; absent means sale"),
        identifier("original_order_id", "original_order_ref", "Of a return or cancellation: the order it is about",
                   required=False),
        Column(name="is_simulated", target="is_simulated", kind="flag", default="false",
               description="True when nobody placed the order and it was made up for a demo: it counts as no sale, and "
                           "only what came of a campaign shows it, marked; empty means false"),
        updated_at(),
        deleted(),
    ),
    rules=(Rule(column="quantity", reason="negative quantity", broken="kind = 'sale' AND quantity < 0"),),
)  # fmt: skip
