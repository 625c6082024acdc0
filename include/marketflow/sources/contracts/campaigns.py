"""Campaigns that the shop runs or ran elsewhere: what they were about, when, and what they cost."""

from marketflow.sources.contracts.model import Column, Contract, Rule, currency, deleted, identifier, money, updated_at

CAMPAIGNS = Contract(
    record="campaigns",
    version="1",
    table="raw.campaigns",
    description="Campaigns of the shop, as its own systems know them",
    key=("campaign_id",),
    columns=(
        identifier("campaign_id", "campaign_ref", "The shop's number"),
        Column(name="campaign_name", target="campaign_name", max_length=200, description="What people call it"),
        Column(name="theme", target="theme", max_length=200, description="What it is about"),
        Column(name="channel", target="channel", description="How it reaches people"),
        Column(name="place", target="place", max_length=200, description="Where"),
        Column(name="content", target="content", max_length=20_000, description="Its words"),
        Column(name="starts_on", target="starts_on", kind="day", past=False, description="First day"),
        Column(name="ends_on", target="ends_on", kind="day", past=False, description="Last day"),
        money("budget", "What it may cost", minimum="0", required=False),
        currency("Currency of the budget"),
        updated_at(),
        deleted(),
    ),
    rules=(Rule(column="ends_on", reason="ends_on is before starts_on", broken="ends_on < starts_on"),),
)  # fmt: skip
