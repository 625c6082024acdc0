"""Behaviour: what customers did or received, one row per event."""

from marketflow.sources.contracts.model import Column, Contract, identifier

BEHAVIOUR = Contract(
    record="behaviour",
    table="raw.events",
    description="Campaigns received and coupons redeemed, one file per day",
    columns=(
        Column(name="event_id", target="event_ref", required=True, max_length=200, unique="warn",
               description="The event's name at its source; the same event has the same name each time"),
        Column(name="event_type", target="event_type", required=True, allowed=("campaign_received", "coupon_redeemed"),
               description="What happened"),
        identifier("customer_id", "customer_ref", "To whom"),
        identifier("campaign_id", "campaign_ref", "The shop's campaign", required=False),
        identifier("coupon_id", "coupon_ref", "The coupon; only of a redemption", required=False),
        Column(name="occurred_at", target="occurred_at", kind="instant", required=True,
               description="When it happened, ISO 8601 with offset"),
    ),
)  # fmt: skip
