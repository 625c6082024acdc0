"""The rules that name segments: boxes in the 5 x 5 x 5 space of scores, complete and never overlapping.

And the fixed cuts between the scores, for those who score by them instead of by fifths of ranks.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise, product
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from marketflow.shared import DefinitionError

RULES_FILE = Path(__file__).with_name("rfm_segments.yaml")
_SCORES = range(1, 6)

Triple = tuple[int, int, int]
Score = Annotated[int, Field(ge=1, le=5)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Money = Annotated[Decimal, Field(max_digits=14, decimal_places=2)]


class Rule(BaseModel):
    """A box of scores; both ends of each range are inside."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recency: tuple[Score, Score] = (1, 5)
    frequency: tuple[Score, Score] = (1, 5)
    monetary: tuple[Score, Score] = (1, 5)

    @model_validator(mode="after")
    def _ranges_rise(self) -> Rule:
        for name, (low, high) in self:
            if low > high:
                raise ValueError(f"{name}: [{low}, {high}] holds no score")
        return self

    def triples(self) -> list[Triple]:
        """All (recency, frequency, monetary) in the box."""
        spans = [range(low, high + 1) for low, high in (self.recency, self.frequency, self.monetary)]
        return [(r, f, m) for r, f, m in product(*spans)]


class Segment(BaseModel):
    """A named segment: what it means and which scores it takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern="^[a-z][a-z_]*$")
    description: str
    rules: tuple[Rule, ...] = Field(min_length=1)


class Cuts(BaseModel):
    """Where one score ends and the next begins: four rising values of each measure.

    recency_days: at most the first is scored 5, at most the second 4, and so on; above the last is 1. frequency
    (purchases) and monetary (the shop's own currency): below the first is scored 1, from the last on 5.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recency_days: tuple[Days, Days, Days, Days]
    frequency: tuple[Count, Count, Count, Count]
    monetary: tuple[Money, Money, Money, Money]

    @model_validator(mode="after")
    def _values_rise(self) -> Cuts:
        for name, values in self:
            if any(low >= high for low, high in pairwise(values)):
                raise ValueError(f"{name}: {list(values)} does not rise")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    segments: tuple[Segment, ...] = Field(min_length=1)
    cuts: Cuts | None = None


def load_segments(path: Path = RULES_FILE) -> tuple[Segment, ...]:
    """Read and check the rules; raises DefinitionError that names the file and the field or triple that is wrong."""
    found = _read(path).segments
    try:
        segment_of_triples(found)
    except DefinitionError as error:
        raise DefinitionError(f"{path}: {error}") from error
    return found


def load_cuts(path: Path = RULES_FILE) -> Cuts:
    """Read and check the fixed cuts; raises DefinitionError that names the file where it has none, or bad ones."""
    found = _read(path).cuts
    if found is None:
        raise DefinitionError(f"{path}: there is no section `cuts`, which scoring by cuts needs")
    return found


def _read(path: Path) -> _File:
    try:
        return _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise DefinitionError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DefinitionError(f"{path}: {where}: {first['msg']}") from error


def segment_of_triples(segments: tuple[Segment, ...]) -> dict[Triple, str]:
    """The segment of each of the 125 triples; raises DefinitionError naming a triple that has none or two."""
    found: dict[Triple, str] = {}
    for segment in segments:
        for triple in (t for rule in segment.rules for t in rule.triples()):
            if triple in found:
                raise DefinitionError(f"{_words(triple)} is in {found[triple]} and in {segment.name}")
            found[triple] = segment.name
    for triple in product(_SCORES, _SCORES, _SCORES):
        if triple not in found:
            raise DefinitionError(f"{_words(triple)} is in no segment")
    return found


def _words(triple: Triple) -> str:
    return "recency {}, frequency {}, monetary {}".format(*triple)
