"""What planning tells its caller, and a person who has to approve."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class PlanSummary:
    """One row of activation.plans. `planned` + the sum of `refusals` is `audience`; `samples` are masked renders.

    `warnings` is what the lint says of the templates, and for a dry run that the campaign has not started.
    """

    plan_id: int
    campaign: str
    occasion: str
    dry_run: bool
    audience: int
    planned: int
    refusals: dict[str, int]
    samples: list[dict[str, str]] = field(repr=False)
    state: Literal["planned", "refused"]
    reason: str | None
    warnings: list[str] = field(default_factory=list)
    variants: dict[str, int] = field(default_factory=dict)  # people by arm of the experiment, the holdout last
    winner: str | None = None  # the arm that the experiment was decided for: all but the holdout are in it
    test_plan_id: int | None = None  # of the messages to test addresses, where there are any
