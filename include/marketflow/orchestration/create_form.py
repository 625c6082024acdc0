"""The form of `create_campaign`: what campaign.yaml may say, as fields."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from marketflow.orchestration.create_experiment import experiment_fields
from marketflow.orchestration.defaults import choice, day, whole
from marketflow.shared import settings

_CHANNELS = {"email": "E-mail", "webhook": "Webhook (a post)", "mastodon": "Mastodon (a post)"}
_PURPOSES = {"marketing": "Marketing: needs consent", "transactional": "About an order: needs none"}
_TRIGGERS = {
    "manual": "a person, by its form", "cron": "a schedule", "order_placed": "a customer ordered",
    "cart_abandoned": "a basket was left", "signed_up": "a customer registered", "birthday": "a customer's birthday",
    "entered_segment": "a customer came into a segment", "weekly": "a week is complete",
    "table_update": "a table was brought up to date",
}  # fmt: skip
_LISTS = {"discover": "new to her", "buy_again": "to buy again", "goes_with": "goes with her order",
          "bestsellers": "best sellers"}  # fmt: skip
_GOALS = ("conversion_rate", "buyers", "orders", "revenue", "uplift", "clicks", "click_rate", "opens")


def create_form() -> dict[str, Param]:
    """The fields, by name; reads the folder of campaigns for the names that may be copied."""
    return {**_who(), **_when(), **_whom(), **_what(), **experiment_fields(), **_how_many(), **_replacing()}


def _who() -> dict[str, Param]:
    from marketflow.campaigns.definition import topic_titles

    topics = topic_titles()
    return {
        "name": Param(
            type="string", pattern="^[a-z][a-z0-9_]{1,49}$", title="Name",
            description_md="Small letters, digits and `_`: the campaign's name for ever, such as `spring_sale`.",
        ),
        "title": Param(type="string", minLength=3, maxLength=100, title="Title", description_md="What people call it."),
        "owner": Param(
            "marketing", type="string", minLength=1, maxLength=100, title="Owner", description_md="Whom to ask."
        ),
        "channel": choice("email", "Channel", "By what it travels.", _CHANNELS),
        "purpose": choice("marketing", "Purpose", "Of a mail; a post needs nobody's consent.", _PURPOSES),
        "topic": Param(
            None, type=["null", "string"], enum=[None, *topics], title="Topic",
            values_display={"null": "(none)", **topics},
            description_md="Of marketing: who does not want to hear of it gets nothing.",
        ),
    }  # fmt: skip


def _when() -> dict[str, Param]:
    from marketflow.campaigns.definition import mart_tables, segment_names

    section = "When"
    return {
        "trigger": choice("manual", "Started by", "What starts it.", _TRIGGERS, section),
        "cron": _text("Schedule", "With *a schedule*: such as `0 9 * * MON`, in the shop's time zone.", section, 100),
        "after": _text("After", "With *a basket was left*: for how long; empty: `4 hours`.", section, 20),
        "segment": _one_of(segment_names(), "Segment", "With *came into a segment*: which.", section),
        "table": _one_of(mart_tables(), "Table", "With *a table was brought up to date*: which.", section),
        "start": day("First day", "Nothing is planned before it. Empty: at once.", section),
        "end": day("Last day", "Nothing is planned or sent after it. Empty: no end.", section),
        "max_age_days": whole(2, "Not older than, in days", "An older occasion is refused.", (1, 90), section),
    }


def _whom() -> dict[str, Param]:
    section = "For whom"
    return {
        "where": _text(
            "Condition", "Over the columns of `marts.customer_360`, such as `segment = 'at_risk'`. Empty with an event:"
            " all to whom it happened.", section, 4000,
        ),
        "accounts": Param(
            None, type=["null", "array"], items={"type": "string"}, title="Accounts",
            description_md="Of a post: ids of Airflow connections.", section=section,
        ),
        "limit": _number("At most so many people", "For one occasion. Empty: everybody.", section),
        "per_day": _number("At most so many a day", "Empty: no limit.", section),
    }  # fmt: skip


def _what() -> dict[str, Param]:
    from marketflow.campaigns import find_campaigns

    section = "Content"
    return {
        "copy_from": _one_of(find_campaigns().names, "Copy the templates of",
                            "Words below take their place, in all languages.", section),
        "subject": _text("Subject", "One line; `{{ given_name }}` may be empty.", section, 250),
        "body": _text(
            "Text", "The plain text; the line to unsubscribe is added where it is missing.", section, 20_000,
            "multiline",
        ),
        "html": _text("HTML", "Empty: plain text only, or the copied one if there is no text.", section, 100_000,
                      "multiline"),
        "recommend": _one_of(list(_LISTS), "Products", "For `{{ products }}`. Empty: none.", section, _LISTS),
        "recommend_limit": whole(4, "At most so many products", "In one message.", (1, 12), section),
    }  # fmt: skip


def _how_many() -> dict[str, Param]:
    section, money = "Budget and goal", f"In {settings().currency}."
    return {
        "budget": _amount("Budget", f"All that it may cost. {money}", section),
        "cost_per_message": _amount("Cost of a message", f"With it the budget is a limit. {money}", section),
        "goal": _one_of(_GOALS, "Goal", "What it is for.", section),
        "goal_target": _amount("Target", "The number to reach; 5 % is `0.05`.", section),
        "attribution_days": whole(14, "Counted for days", "Orders so long after it are its own.", (1, 90), section),
        "approval": Param(
            default=True, type="boolean", title="A person approves", description_md="Each plan.", section="Sending"
        ),
        "priority": whole(100, "Priority", "Smaller goes first.", (1, 1000), "Sending"),
    }


def _replacing() -> dict[str, Param]:
    return {
        "version": _text(
            "Replace version", "Only to replace a campaign: the version that its page shows. Empty: it must be new.",
            "Replace", 16,
        )
    }  # fmt: skip


def _text(title: str, words: str, section: str, most: int, form: str | None = None) -> Param:
    more: dict[str, Any] = {"format": form} if form else {}
    return Param(
        None, type=["null", "string"], maxLength=most, title=title, description_md=words, section=section, **more
    )


def _number(title: str, words: str, section: str) -> Param:
    return Param(
        None, type=["null", "integer"], minimum=1, maximum=10_000_000, title=title, description_md=words,
        section=section,
    )  # fmt: skip


def _amount(title: str, words: str, section: str) -> Param:
    return Param(None, type=["null", "number"], exclusiveMinimum=0, title=title, description_md=words, section=section)


def _one_of(words: Any, title: str, text: str, section: str, shown: dict[str, str] | None = None) -> Param:
    return Param(
        None, type=["null", "string"], enum=[None, *words], title=title, description_md=text, section=section,
        values_display={"null": "(none)", **(shown or {})},
    )  # fmt: skip
