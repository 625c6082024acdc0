"""What cannot be written: is it one message's fault, its plan's, or ours?

A message that fails among others that are written is given up. Where one after the other fails, the fault is not
theirs - a worker without a key, a setting that no header can hold, a frozen definition that new code refuses - and
nobody is given up for it: they wait, with the usual backoff until they expire.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from marketflow.campaigns.delivery.channel import UNWRITABLE, Outcome
from marketflow.campaigns.delivery.prepare import DECRYPT_ERROR, KEY_MISSING, RENDER_ERROR, DueRow, Prepared
from marketflow.campaigns.delivery.refusals import Streak

log = logging.getLogger(__name__)
CANNOT_WRITE = "cannot_write"
_OURS = frozenset({DECRYPT_ERROR, KEY_MISSING, UNWRITABLE})  # the keys and settings of this worker, whatever the plan


class Faults:
    """What a run could write so far, in all and of each plan."""

    def __init__(self) -> None:
        self._all, self._plans = Streak(), defaultdict[int, Streak](Streak)

    def judge(self, going: Sequence[Prepared], outcomes: Mapping[int, Outcome]) -> dict[int, Outcome]:
        """Those of a window that could not be written and are not to be given up for it, as they are to be settled."""
        tried = [(p.row, outcomes[p.row.send_id]) for p in going if p.row.send_id in outcomes]
        for row, outcome in tried:
            self._hear(row, outcome)
        failed = [(row, outcome) for row, outcome in tried if outcome.state == "failed"]
        return {row.send_id: replace(o, state="deferred") for row, o in failed if not self._is_final(row, o)}

    @property
    def stop(self) -> str | None:
        """The reason to stop the run, if this worker can write nothing."""
        return CANNOT_WRITE if self._all.is_over else None

    def is_broken(self, plan_id: int) -> bool:
        """Has this run found out that a plan cannot be written? It then leaves the rest of it alone."""
        return plan_id in self._plans and self._plans[plan_id].is_over

    def _hear(self, row: DueRow, outcome: Outcome) -> None:
        if outcome.state != "failed":  # it could have been given to somebody; other failures say nothing of us
            self._all.hear_yes()
            self._plans[row.plan_id].hear_yes()
        elif outcome.reason in _OURS:
            self._all.hear_no()
        elif outcome.reason == RENDER_ERROR:
            self._hear_of_plan(row)

    def _hear_of_plan(self, row: DueRow) -> None:
        streak = self._plans[row.plan_id]
        was_over = streak.is_over
        streak.hear_no()
        if streak.is_over and not was_over:
            log.warning("plan %s of campaign %s cannot be written: its messages wait", row.plan_id, row.campaign)

    def _is_final(self, row: DueRow, failure: Outcome) -> bool:
        if failure.reason in _OURS:
            return failure.reason != KEY_MISSING and self._all.is_believed  # whoever has the key can write it
        return failure.reason != RENDER_ERROR or self._plans[row.plan_id].is_believed
