"""`branch` of journey.yaml: two ways by a condition, or several by chance, which may be an experiment."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from marketflow.campaigns.definition.experiment import HELD_OUT, Question, allocation_version
from marketflow.campaigns.definition.strict import Strict

STEP = r"^[a-z][a-z0-9_]{0,39}$"
MOST_ARMS = 10
Target = Annotated[str, StringConstraints(pattern=STEP)]
Condition = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class BranchExperiment(Question):
    """How the arms of a branch are compared."""

    name: str | None = Field(
        None, pattern=STEP, description="people are drawn by it: another one draws them anew. Without it the step's own"
    )
    control: Target | None = Field(
        None, description="the arm that the others are compared with; without it the first of `shares`"
    )


class Branch(Strict):
    """Two ways by a condition, or several by chance."""

    where: Condition | None = Field(None, description="a condition over the columns of marts.customer_360")
    then: Target | None = Field(None, description="with `where`: the step for those of whom it is true")
    otherwise: Target | None = Field(None, description="with `where`: the step for the others; without it the next one")
    shares: dict[Target, Annotated[int, Field(ge=1, le=1000)]] | None = Field(
        None, description="by chance: step → weight. The same person always goes the same way"
    )
    experiment: BranchExperiment | None = Field(
        None, description="with `shares`: which of the ways brings more is judged each day, and perhaps decided. A way "
        "called `holdout` is who gets nothing"
    )  # fmt: skip

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.where is None) == (self.shares is None):
            raise ValueError("give either where or shares")
        if self.where is not None and self.then is None:
            raise ValueError("where needs then")
        if self.shares is not None and ((self.then, self.otherwise) != (None, None) or len(self.shares) < 2):
            raise ValueError("shares names two steps or more, and stands without then and otherwise")
        if self.experiment is not None:
            self._can_be_judged(self.experiment)
        return self

    def _can_be_judged(self, experiment: BranchExperiment) -> None:
        if self.shares is None:
            raise ValueError("experiment goes with shares: a condition puts unlike people on its two ways")
        if len(self.shares) > MOST_ARMS:
            raise ValueError(f"an experiment has {MOST_ARMS} arms at most")
        if experiment.control is not None and experiment.control not in self.shares:
            raise ValueError(f"control: {experiment.control!r} is none of the arms: {', '.join(self.shares)}")
        if len(self.arms) == 1 and experiment.control is not None:
            raise ValueError("control: one way beside `holdout` is compared with that; leave it out")
        if len(self.arms) == 1:
            experiment.alone()
        elif experiment.control == HELD_OUT:
            raise ValueError("holdout is compared with each arm in any case; take one of the others as the control")

    @property
    def arms(self) -> list[str]:
        """The ways that are compared, the control first; who is held out aside."""
        asked = self.experiment.control if self.experiment else None
        return sorted((a for a in self.shares or {} if a != HELD_OUT), key=lambda arm: arm != asked)


def frozen_experiment(branch: Branch | None, step: str, window_days: int) -> dict[str, Any] | None:
    """The experiment of a branch as activation.experiments has it, with its allocation's version; None without one."""
    if branch is None or branch.experiment is None or branch.shares is None:
        return None
    experiment, total = branch.experiment, sum(branch.shares.values())
    held = [HELD_OUT] if HELD_OUT in branch.shares else []
    names = [*held, *branch.arms] if len(branch.arms) == 1 else [*branch.arms, *held]
    shares = [[name, 100 * branch.shares[name] / total] for name in names]  # jsonb keeps the order of lists only
    allocation = {
        "control": names[0], "shares": sorted(shares), "metric": experiment.metric, "alpha": experiment.alpha,
    }  # fmt: skip
    meant = {
        **experiment.model_dump(mode="json"), "name": experiment.name or step, "control": names[0], "shares": shares,
        "effect": experiment.effect, "window_days": window_days, "step": step,
    }  # fmt: skip
    return {"name": meant["name"], "allocation_version": allocation_version(allocation), "meant": meant}
