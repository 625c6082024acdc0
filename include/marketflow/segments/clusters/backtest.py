"""How good a run is: what clusters made eight weeks earlier say of these weeks, and whether there is any structure."""

from __future__ import annotations

from dataclasses import replace

import psycopg

from marketflow.engines import engine
from marketflow.segments.clusters.choice import SAMPLE, STABLE_FROM, shuffled, silhouette
from marketflow.segments.clusters.features import Span, read_features, read_outcomes
from marketflow.segments.clusters.learn import SEED, Asked, Made, learn
from marketflow.segments.clusters.matrix import cleaned
from marketflow.segments.clusters.measures import aspects_of, explained, rfm_groups, rfm_slices
from marketflow.shared import NotEnoughData
from marketflow.warehouse import Score

HORIZON_DAYS = 56
_SAMPLE = 30_000  # customers that it is measured on
_LEAST = 30  # customers of whom some bought and some did not, say: fewer show nothing
_METRIC = "explained_variance"
_NAMED, _SLICES = "RFM segments", "as many groups by the sum of RFM scores"


def scores_of(conn: psycopg.Connection, span: Span, made: Made, asked: Asked) -> tuple[Score, ...]:
    """All scores of a run. The customers chosen in the database are those of the cut afterwards.

    Three decide: the mean over six aspects of what customers did next (see `measures.aspects_of`) of the variance that
    their cluster explains, beside the named segments of RFM and beside as many equal groups by its scores; the
    silhouette beside that of the same columns, each shuffled; and that the clusters come out again in resamples. The
    single aspects are told, and do not decide.
    """
    return (*_explained_scores(conn, span, asked), _structure(made), _stability(made))


def _explained_scores(conn: psycopg.Connection, span: Span, asked: Asked) -> tuple[Score, ...]:
    found = _compared(conn, span, asked)
    if found is None:
        return (_score(span, _METRIC, None, _NAMED, None),)
    ours, theirs = found["clusters"], {name: found[name] for name in (_NAMED, _SLICES)}
    deciding = [_score(span, _METRIC, _mean(ours), name, _mean(values)) for name, values in theirs.items()]
    single = [
        replace(_score(span, f"{_METRIC}_{aspect}", ours[aspect], name, values[aspect]), decides=False)
        for aspect in ours
        for name, values in theirs.items()
    ]
    return (*deciding, *single)


def _compared(conn: psycopg.Connection, span: Span, asked: Asked) -> dict[str, dict[str, float]] | None:
    """What is explained of each aspect: by clusters as of the cut, by RFM segments, by equal groups. None: too few."""
    then = cleaned(read_features(conn, span, at_cut=True, most=_SAMPLE))
    if len(then) < _LEAST:
        return None
    after = read_outcomes(conn, span)
    try:
        past = learn(then, asked)
    except NotEnoughData:
        return None
    aspects = aspects_of(then, after)
    groups = {
        "clusters": past.assign(then)[0], _NAMED: rfm_groups(then),
        _SLICES: rfm_slices(then, len(past.clusters.centres)),
    }  # fmt: skip
    found = {name: explained(group, aspects, SEED) for name, group in groups.items()}
    return found if found["clusters"] else None


def _structure(made: Made) -> Score:
    """Whether customers lie in clusters more than columns that have nothing to do with each other would."""
    import numpy as np

    rows = np.sort(np.random.default_rng(SEED).permutation(len(made.labels))[:SAMPLE])
    learnt, how = made.learnt, made.learnt.how
    matrix = learnt.scaling.matrix(made.features.iloc[rows])
    noise = shuffled(matrix, SEED)
    k = len(learnt.clusters.centres)
    by_chance = engine().cluster(noise, k, method=how.method, distance=how.distance, seed=SEED).labels
    return Score(
        metric="silhouette", ours=silhouette(matrix, made.labels[rows], how), baseline="the same columns shuffled",
        baseline_value=silhouette(noise, by_chance, how), split=f"no split: {len(rows)} customers, learnt from all",
        higher_is_better=True, seed=SEED,
    )  # fmt: skip


def _stability(made: Made) -> Score:
    """Whether other customers of the same shop would have given the same clusters."""
    choice = made.learnt.choice
    ours = next(tried for tried in choice.tried if tried.k == choice.k)
    return Score(
        metric="stability", ours=ours.stability, baseline="the least that counts as the same clusters",
        baseline_value=STABLE_FROM, split=f"resamples of {ours.sample_size} customers", higher_is_better=True,
        or_equal=True, seed=SEED,
    )  # fmt: skip


def _score(span: Span, metric: str, ours: float | None, baseline: str, theirs: float | None) -> Score:
    return Score(
        metric=metric, ours=ours, baseline=baseline, baseline_value=theirs, higher_is_better=True, seed=SEED,
        split=f"learnt until {span.cut}, measured until {span.as_of}",
    )  # fmt: skip


def _mean(values: dict[str, float]) -> float:
    return sum(values.values()) / len(values)
