"""Experiments: who gets which version of a campaign, and who none, drawn when everything else is settled.

Reads:  the plan's members, core.customers (who turned out to be one), activation.experiments; of a journey's branch
        its versions, visits and moves.
Writes: activation.experiments (once people are in it only who decides it and when), plans.experiment,
        plan_members.variant and outcome.
Never:  looks at what came of it (evaluation.experiments does); draws by chance: a person's arm is always the same.
"""

from marketflow.campaigns.experiments.assign import Assigned, assign
from marketflow.campaigns.experiments.branches import begin_branch, branch_winner
from marketflow.campaigns.experiments.running import ExperimentChanged
from marketflow.campaigns.experiments.words import same_content, subjects_differ

__all__ = [
    "Assigned", "ExperimentChanged", "assign", "begin_branch", "branch_winner", "same_content", "subjects_differ",
]  # fmt: skip
