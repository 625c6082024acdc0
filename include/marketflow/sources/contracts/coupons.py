"""Coupons: what they take off, of which product, and how long."""

from decimal import Decimal

from marketflow.sources.contracts.model import Column, Contract, Rule, currency, deleted, identifier, money, updated_at

COUPONS = Contract(
    record="coupons",
    version="1",
    table="raw.coupons",
    description="Coupons of the shop",
    key=("coupon_id",),
    columns=(
        identifier("coupon_id", "coupon_ref", "The coupon's number"),
        identifier("campaign_id", "campaign_ref", "Of which campaign", required=False),
        identifier("product_id", "product_ref", "For which product; absent: for all", required=False),
        Column(name="description", target="description", max_length=500, description="What it says"),
        money("discount_amount", "What it takes off", minimum="0", required=False),
        Column(name="discount_percent", target="discount_percent", kind="number", decimals=3, minimum=Decimal(0),
               maximum=Decimal(100), description="Or the share that it takes off, 0 to 100"),
        currency("Currency of the amount"),
        Column(name="valid_from", target="valid_from", kind="day", past=False, description="First day"),
        Column(name="valid_until", target="valid_until", kind="day", past=False, description="Last day"),
        updated_at(),
        deleted(),
    ),
    rules=(Rule(column="valid_until", reason="valid_until is before valid_from", broken="valid_until < valid_from"),),
)  # fmt: skip
