"""Experiments: what was seen of each arm by now, and whether one has won.

Reads:  activation.experiments, .plans, .plan_members, .sends, .tracking_events; marts.journey_draws; core.customers,
        core.all_orders.
Writes: activation.experiment_looks (read as marts.experiment_results), the decision in activation.experiments, once.
Never:  counts opens; takes a decision back; decides while people are in other shares than was meant.
"""

from marketflow.evaluation.experiments.look import judge_experiments
from marketflow.evaluation.experiments.size import design_of, size_lines
from marketflow.evaluation.experiments.verdict import Arm, Look, judge_counts

__all__ = ["Arm", "Look", "design_of", "judge_counts", "judge_experiments", "size_lines"]
