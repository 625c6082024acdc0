"""Orders: one row per order line. A file holds an order whole; a later file with the same order replaces it."""

from decimal import Decimal

from marketflow.sources.contracts.model import Column, Contract, identifier, money

ORDERS = Contract(
    record="orders",
    table="raw.order_lines",
    description="Order lines, one file per business day",
    columns=(
        identifier("order_id", "order_ref", "The shop's order number; all its lines stand in one file"),
        identifier("customer_id", "customer_ref", "Who bought; empty for an anonymous order", required=False),
        identifier("store_id", "store_ref", "Where; empty for the web shop", required=False),
        identifier("product_id", "product_ref", "What was bought; need not be in the catalogue"),
        Column(
            name="quantity", target="quantity", kind="number", required=True, decimals=3,
            minimum=Decimal(0), maximum=Decimal(99_999_999),
            description="Pieces, or another unit for goods that are not counted; 0 happens, negative does not",
        ),
        money("amount", "What the shop receives for the line, discounts taken off; negative for a refund",
              minimum="-99999999"),
        money("retail_discount", "What the shop's own prices took off, as a positive number; empty means 0",
              minimum="0", required=False, default="0"),
        money("coupon_discount", "What coupons took off, as a positive number; empty means 0",
              minimum="0", required=False, default="0"),
        Column(name="currency", target="currency", required=True, pattern="[A-Z]{3}", max_length=3,
               pattern_says="three capital letters (ISO 4217)", description="Currency of the three amounts"),
        Column(name="ordered_at", target="ordered_at", kind="instant", required=True,
               description="When the order was placed, ISO 8601 with offset"),
    ),
)  # fmt: skip
