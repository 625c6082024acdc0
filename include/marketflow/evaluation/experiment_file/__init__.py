"""Experiments that were run elsewhere: one row per person with a variant and outcomes, judged as our own are."""

from marketflow.evaluation.experiment_file.judge import Comparison, Judgement, Outcome, SampleRatio, judge_file
from marketflow.evaluation.experiment_file.words import told

__all__ = ["Comparison", "Judgement", "Outcome", "SampleRatio", "judge_file", "told"]
