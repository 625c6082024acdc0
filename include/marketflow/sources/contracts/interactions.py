"""Interactions: calls, visits, tickets, notes. What was said is personal."""

from marketflow.privacy import FREE_TEXT
from marketflow.sources.contracts.model import Column, Contract, deleted, identifier, updated_at

INTERACTIONS = Contract(
    record="interactions",
    version="1",
    table="raw.interactions",
    description="What passed between customers and the shop's people",
    key=("interaction_id",),
    columns=(
        identifier("interaction_id", "interaction_ref", "The source's number"),
        identifier("customer_id", "customer_ref", "With whom", required=False),
        Column(name="kind", target="kind", required=True,
               allowed=("call", "visit", "ticket", "note", "meeting", "chat", "mail"), description="What it was"),
        Column(name="direction", target="direction", allowed=("in", "out"), description="in: the customer began it"),
        Column(name="subject", target="subject", personal=FREE_TEXT, max_length=1_000,
               description="In a line; encrypted"),
        Column(name="text", target="body", personal=FREE_TEXT, max_length=20_000,
               description="What was said or written; encrypted"),
        identifier("agent_id", "agent_ref", "Who of the shop", required=False),
        Column(name="status", target="status", description="Such as open, solved"),
        Column(name="outcome", target="outcome", max_length=200, description="Such as ordered, called back"),
        Column(name="occurred_at", target="occurred_at", kind="instant", required=True, description="When"),
        updated_at(),
        deleted(),
    ),
)  # fmt: skip
