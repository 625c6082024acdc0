"""The demo's summary in words: one line per campaign, what is simulated is said to be, and no line without people."""

from __future__ import annotations

from typing import Any

from marketflow.embedded.demo_report import in_words

DID = {
    "opens": 35, "opens_by_machines": 29, "clicks": 3, "clicks_by_machines": 2, "unsubscribed": 1, "bounced": 2,
    "complained": 0, "orders": 8, "revenue": "310.20",
}  # fmt: skip


def sent(campaign: str, occasion: str) -> dict[str, Any]:
    return {"campaign": campaign, "occasion": occasion, "channel": "email", "messages": 3, "sent": 2}


def step(name: str, entered: int, here: int) -> dict[str, Any]:
    return {"journey": "series", "step": name, "entered": entered, "here_now": here, "written_to": 0}


def arm(name: str, difference: float | None) -> dict[str, Any]:
    return {
        "campaign": "offer", "experiment": "two_subjects", "arm": name, "assigned": 40, "conversions": 9,
        "difference": difference, "interval_low": difference and difference - 0.1,
        "interval_high": difference and difference + 0.1, "verdict": "too_early",
    }  # fmt: skip


def test_the_summary_in_words() -> None:
    summary = {
        "campaigns": [sent("offer", "2017-12-31"), *(sent("series", f"event {n}") for n in range(8))],
        "simulated": DID, "journeys": [step("hello", 8, 0), step("rest", 8, 8), step("last", 0, 0)],
        "experiments": [arm("plain", None), arm("question", 0.05)], "uplift": [],
    }  # fmt: skip
    assert in_words(summary) == [
        "offer on 2017-12-31: 2 of 3 email messages sent",
        "series on 8 occasions: 16 of 24 email messages sent",
        (
            "simulated, and marked so: 35 opens (29 by machines), 3 clicks (2 by machines), 1 unsubscribed, 2 bounced, "
            "0 complained, 8 orders of 310.20"
        ),
        "journey series: 8 came to hello, 8 came to rest (8 are there)",
        "experiment two_subjects, plain: 9 of 40 people bought; too early (simulated)",
        (
            "experiment two_subjects, question: 9 of 40 people bought, +5.0 points to the control "
            "(-5.0 to +15.0 at all looks); too early (simulated)"
        ),
    ]


def test_a_shop_without_campaigns_has_little_to_say() -> None:
    nothing: dict[str, Any] = {"campaigns": [], "simulated": DID, "journeys": [], "experiments": [], "uplift": []}
    assert len(in_words(nothing)) == 1
