"""Consents: what customers allowed and forbade. Each answer is kept for ever; the newest counts."""

from marketflow.sources.contracts.model import Column, Contract, Rule, email, identifier, phone, updated_at

CONSENTS = Contract(
    record="consents",
    version="1",
    table="raw.consents",
    description="Answers to the question whether and how we may write",
    key=("customer_id", "email", "phone", "channel", "purpose", "answered_at"),
    columns=(
        identifier("customer_id", "customer_ref", "Who answered: then it counts for the address that she has",
                   required=False),
        email("Or for which mail address"),
        phone("Or for which telephone number"),
        Column(name="channel", target="channel", default="email", allowed=("email", "sms"),
               description="By which way we may write; absent means email"),
        Column(name="purpose", target="purpose", default="marketing", max_length=50,
               description="What for; absent means marketing"),
        Column(name="granted", target="granted", kind="flag", required=True, description="Yes or no"),
        Column(name="answered_at", target="answered_at", kind="instant", required=True, description="When"),
        Column(name="method", target="how", description="How it was said, such as web form, store, double opt-in"),
        Column(name="consent_text", target="consent_text", max_length=2_000, description="The words agreed to"),
        updated_at(),
    ),
    rules=(
        Rule(column="customer_id", reason="neither customer_id nor email nor phone is given",
             broken="customer_id IS NULL AND email IS NULL AND phone IS NULL"),
    ),
)  # fmt: skip
