"""Behaviour: what customers and visitors did or received, one row per event."""

from marketflow.sources.contracts.model import Column, Contract, identifier, updated_at

BEHAVIOUR = Contract(
    record="behaviour",
    version="2",
    table="raw.events",
    description="Events: pages seen, products looked at, campaigns received, coupons redeemed",
    key=("event_id",),
    columns=(
        Column(name="event_id", target="event_ref", required=True, max_length=200, unique="warn",
               description="The event's name at its source; the same event has the same name each time"),
        Column(name="event_type", target="event_type", required=True, max_length=100,
               description="What happened, such as page, product_viewed, campaign_received, coupon_redeemed"),
        identifier("customer_id", "customer_ref", "Who did it; absent for a visitor who is not signed in",
                   required=False),
        identifier("anonymous_id", "anonymous_ref", "The browser or device; joined to a customer who signs in on it",
                   required=False),
        identifier("campaign_id", "campaign_ref", "The shop's campaign", required=False),
        identifier("coupon_id", "coupon_ref", "The coupon; only of a redemption", required=False),
        identifier("product_id", "product_ref", "The product that it is about", required=False),
        Column(name="properties", target="properties", kind="json", max_length=32_768,
               description="What else is known, a JSON object; nothing personal"),
        Column(name="occurred_at", target="occurred_at", kind="instant", required=True,
               description="When it happened"),
        updated_at(),
    ),
)  # fmt: skip
