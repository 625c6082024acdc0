"""What is wrong with a file that people write: file, line, field, and the nearest word that is allowed."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

from marketflow.shared.strict_yaml import line_of

_cut = reprlib.Repr()
_cut.maxlevel, _cut.maxstring, _cut.maxother = 2, 80, 80
_MAX_WORD = 100
Place = Sequence[str | int]  # the way to a field, such as ("records", "orders", "columns", "amount")


def told(path: Path, tree: yaml.Node | None, place: Place, words: str, whole: str = "file") -> str:
    """One line for people: `whole` is what a fault of the file as such is called."""
    field = ".".join(map(str, place)) or whole
    return f"{path}:{line_of(tree, place)}: {field}: {words}"


def explain(
    path: Path, tree: yaml.Node | None, error: Mapping[str, Any], model: type[BaseModel], whole: str = "file"
) -> str:
    """One error of pydantic's `ValidationError.errors()`, told by file, line and field."""
    place = [p for p in error["loc"] if isinstance(p, str | int)]
    return told(path, tree, place, _words(error, place, model), whole)


def _words(error: Mapping[str, Any], place: Place, model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        return f"there is no such field{nearest(place[-1], fields_at(model, place[:-1]))}"
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "literal_error":
        words = [w.strip("'") for w in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        return f"{_cut.repr(error['input'])} is not one of {', '.join(words)}{nearest(error['input'], words)}"
    return str(error["msg"]).removeprefix("Value error, ")


def nearest(word: object, known: Sequence[str]) -> str:
    """The end of a sentence: the known word that was probably meant, or all of them."""
    text = word[:_MAX_WORD] if isinstance(word, str) else _cut.repr(word)  # a few aliases of YAML are a billion words
    close = difflib.get_close_matches(text, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def fields_at(model: type[BaseModel], place: Place) -> list[str]:
    """The names, as the file writes them, of the fields of the model that stands at `place` within `model`."""
    found: Any = model
    for part in place:
        found = next((inner for kind in _kinds(found) if (inner := _within(kind, part)) is not None), found)
    models = [kind for kind in _kinds(found) if _is_model(kind)] or [model]
    return [field.alias or name for name, field in models[0].model_fields.items()]


def _within(kind: Any, part: str | int) -> Any:
    """The annotation of what `part` names within a model, a mapping or a sequence; None when it names nothing."""
    if _is_model(kind):
        return next((f.annotation for n, f in kind.model_fields.items() if part in (n, f.alias)), None)
    inner = get_args(kind)
    return inner[-1 if isinstance(part, str) else 0] if inner and get_origin(kind) in (dict, list, tuple) else None


def _kinds(annotation: Any) -> list[Any]:
    """What the annotation may stand for: the members of a union, whatever they are annotated with."""
    if get_origin(annotation) in (Union, UnionType):
        return [kind for member in get_args(annotation) for kind in _kinds(member)]
    return _kinds(get_args(annotation)[0]) if get_origin(annotation) is Annotated else [annotation]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
