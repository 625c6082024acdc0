"""The rules name every triple of scores once, and the loader says which triple they miss or name twice."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from marketflow.segments import Segment, load_segments, segment_of_triples
from marketflow.segments.rules import RULES_FILE, load_cuts
from marketflow.shared import DefinitionError

ALL = list(product(range(1, 6), repeat=3))


def test_the_rules_cover_all_triples_and_none_twice() -> None:
    for r, f, m in ALL:
        inside = [
            s.name
            for s in load_segments()
            for rule in s.rules
            if rule.recency[0] <= r <= rule.recency[1]
            and rule.frequency[0] <= f <= rule.frequency[1]
            and rule.monetary[0] <= m <= rule.monetary[1]
        ]
        assert len(inside) == 1, (r, f, m, inside)
        assert segment_of_triples(load_segments())[r, f, m] == inside[0]


def test_the_segments_that_campaigns_name_are_there() -> None:
    names = {s.name for s in load_segments()}
    assert {"champions", "loyal", "potential", "new", "at_risk", "lost"} <= names
    assert all(s.description for s in load_segments())


def test_who_is_who() -> None:
    named = segment_of_triples(load_segments())
    assert named[5, 5, 5] == "champions"
    assert named[1, 1, 1] == "lost"
    assert named[5, 1, 1] == "new"
    assert named[1, 5, 5] == "at_risk"


@given(st.sampled_from(ALL))
def test_a_gap_is_named(hole: tuple[int, int, int]) -> None:
    segments = one_per_triple(without=hole)
    with pytest.raises(DefinitionError, match="recency {}, frequency {}, monetary {} is in no segment".format(*hole)):
        segment_of_triples(segments)


@given(st.sampled_from(ALL))
def test_an_overlap_is_named(twice: tuple[int, int, int]) -> None:
    box = {"recency": [twice[0]] * 2, "frequency": [twice[1]] * 2, "monetary": [twice[2]] * 2}
    extra = Segment.model_validate({"name": "extra", "description": "x", "rules": [box]})
    with pytest.raises(DefinitionError, match="recency {}, frequency {}, monetary {} is in s".format(*twice)):
        segment_of_triples((*one_per_triple(), extra))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("segments: [", "is not YAML"),
        ("segments: []", "segments"),
        ("segments: [{name: Big Spenders, description: x, rules: [{}]}]", r"segments\.0\.name"),
        ("segments: [{name: a, description: x, rules: [{recency: [0, 5]}]}]", r"segments\.0\.rules\.0\.recency"),
        ("segments: [{name: a, description: x, rules: [{recency: [5, 1]}]}]", "holds no score"),
        ("segments: [{name: a, description: x, rules: [{recensy: [1, 5]}]}]", r"segments\.0\.rules\.0\.recensy"),
        ("segments: [{name: a, description: x, rules: [{recency: [1, 4]}]}]", "recency 5, frequency 1, monetary 1"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_place(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    with pytest.raises(DefinitionError, match=words) as info:
        load_segments(file)
    assert str(file) in str(info.value)


def test_the_file_is_plain_yaml() -> None:
    assert [s["name"] for s in yaml.safe_load(RULES_FILE.read_text())["segments"]] == [s.name for s in load_segments()]


def one_per_triple(without: tuple[int, int, int] | None = None) -> tuple[Segment, ...]:
    boxes = [{"recency": [r, r], "frequency": [f, f], "monetary": [m, m]} for r, f, m in ALL if (r, f, m) != without]
    return (Segment.model_validate({"name": "s", "description": "x", "rules": boxes}),)


def test_the_cuts_of_the_file() -> None:
    cuts = load_cuts()
    assert cuts.recency_days == (7, 14, 30, 60)
    assert all(list(values) == sorted(set(values)) for _, values in cuts)


@pytest.mark.parametrize(
    ("cuts", "words"),
    [
        ("{recency_days: [1, 2, 3], frequency: [1, 2, 3, 4], monetary: [1, 2, 3, 4]}", r"cuts\.recency_days"),
        (
            "{recency_days: [1, 3, 3, 4], frequency: [1, 2, 3, 4], monetary: [1, 2, 3, 4]}",
            "recency_days: .* does not rise",
        ),
        ("{recency_days: [1, 2, 3, 4], frequency: [1, 2, 3, 4]}", r"cuts\.monetary"),
        ("{recency_days: [1, 2, 3, 4], frequency: [0, 2, 3, 4], monetary: [1, 2, 3, 4]}", r"cuts\.frequency\.0"),
        ("{recency_days: [1, 2, 3, 4], frequency: [1, 2, 3, 4], monetary: [.nan, 2, 3, 4]}", r"cuts\.monetary\.0"),
        ("null", "there is no section `cuts`"),
    ],
)
def test_bad_cuts_are_refused_with_their_place(tmp_path: Path, cuts: str, words: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(f"segments: [{{name: a, description: x, rules: [{{}}]}}]\ncuts: {cuts}\n")
    with pytest.raises(DefinitionError, match=words) as info:
        load_cuts(file)
    assert str(file) in str(info.value)


def test_who_scores_by_fifths_needs_no_cuts(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("segments: [{name: a, description: x, rules: [{}]}]\n")
    assert [s.name for s in load_segments(file)] == ["a"]
