"""The form of a campaign's DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Param

from marketflow.orchestration.defaults import day

if TYPE_CHECKING:
    from marketflow.campaigns import Campaign

MOST_ADDRESSES = 5


def campaign_form(campaign: Campaign) -> dict[str, Param]:
    """The fields, by name. Empty ones mean: as campaign.yaml says."""
    manual = campaign.trigger.on == "manual"
    return {
        "dry_run": Param(
            default=manual,
            type="boolean",
            title="Dry run",
            description_md="Count and show samples only. **Nothing is sent.**",
            section="Sending",
        ),
        "approval": Param(
            default=campaign.approval,
            type="boolean",
            title="A person approves",
            description_md="Wait for a yes under *Required Actions* before anything is released."
            + (" **campaign.yaml asks for it: the form cannot switch it off.**" if campaign.approval else ""),
            section="Sending",
        ),
        "audience_limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=10_000_000,
            title="At most so many people",
            description_md="Empty: everybody in the audience.",
            section="Audience",
        ),
        "test_addresses": Param(
            [],
            type=["null", "array"],
            items={"type": "string", "maxLength": 254},
            maxItems=MOST_ADDRESSES,
            title="Test addresses",
            description_md="Send up to three samples to these addresses of your own, one a line, **and to nobody "
            "else**. They have *[Test]* in front of the subject and nobody's name, and are not counted anywhere. "
            "Airflow keeps what you type here with the run.",
            section="Test",
        ),
        "subject": Param(
            None,
            type=["null", "string"],
            maxLength=150,
            title="Another subject line",
            description_md="Empty: the subject in the campaign's templates.",
            section="Content",
        ),
        "business_date": day(
            "Business day", "The day that the campaign is about. Empty: the last complete day.", section="Occasion"
        ),
        "occasion": Param(
            None,
            type=["null", "string"],
            maxLength=80,
            title="Occasion",
            description_md="Nobody gets this campaign twice for one occasion. Empty: the business day.",
            section="Occasion",
        ),
    }
