"""Feedback: ratings and what customers say in their own words."""

from decimal import Decimal

from marketflow.privacy import FREE_TEXT
from marketflow.sources.contracts.model import Column, Contract, Rule, deleted, identifier, updated_at

FEEDBACK = Contract(
    record="feedback",
    version="1",
    table="raw.feedback",
    description="Ratings and free text, of the shop, an order, a product or a campaign",
    key=("feedback_id",),
    columns=(
        identifier("feedback_id", "feedback_ref", "The source's number"),
        identifier("customer_id", "customer_ref", "Whose", required=False),
        identifier("order_id", "order_ref", "About which order", required=False),
        identifier("product_id", "product_ref", "About which product", required=False),
        identifier("campaign_id", "campaign_ref", "About which campaign", required=False),
        Column(name="rating", target="rating", kind="number", decimals=2, minimum=Decimal(0), maximum=Decimal(1_000),
               description="The mark, higher is better"),
        Column(name="rating_max", target="rating_max", kind="number", decimals=2, minimum=Decimal(1),
               maximum=Decimal(1_000), default="5", description="The best mark possible; absent means 5"),
        Column(name="text", target="body", personal=FREE_TEXT, max_length=20_000,
               description="In the customer's words; encrypted"),
        Column(name="channel", target="channel", description="How it came, such as survey, shop page"),
        Column(name="given_at", target="given_at", kind="instant", required=True, description="When"),
        updated_at(),
        deleted(),
    ),
    rules=(
        Rule(column="rating", reason="rating is above rating_max", broken="rating > rating_max"),
        Rule(column="rating", reason="neither rating nor text is given", broken="rating IS NULL AND text IS NULL"),
    ),
)  # fmt: skip
