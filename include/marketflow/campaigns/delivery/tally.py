"""What a run has done so far, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from marketflow.campaigns.delivery.ledger import Settlement
from marketflow.campaigns.delivery.options import DeliverySummary

_ENDS = ("sent", "failed", "deferred", "unknown", "skipped", "expired", "released")


@dataclass
class Tally:
    """Counts by what they are called in DeliverySummary."""

    claimed: int = 0
    begun: int = 0
    lost: int = 0
    bounced: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    swept: Counter[str] = field(default_factory=Counter)

    def settled(self, settlements: Sequence[Settlement], done: Mapping[int, str]) -> None:
        """A window; `done` has the new state of those that were still ours."""
        self.lost += len(settlements) - len(done)
        self.states.update(done.values())
        self.reasons.update(s.reason for s in settlements if s.reason is not None and s.send_id in done)
        self.bounced += sum(s.bounce is not None and s.send_id in done for s in settlements)

    def put_off(self, count: int, reason: str) -> None:
        """So many were deferred without a try."""
        self.states["deferred"] += count
        self.reasons[reason] += count

    def summary(self, stopped: str | None, stops: list[str]) -> DeliverySummary:
        """All of it; `stopped` and `stops` as they stand there."""
        return DeliverySummary(
            claimed=self.claimed,
            lost=self.lost,
            bounced=self.bounced,
            reasons=dict(self.reasons),
            stopped=stopped,
            stops=stops,
            **{state: self.states[state] for state in _ENDS},
            **{f"swept_{state}": self.swept[state] for state in ("released", "unknown", "expired")},
        )
