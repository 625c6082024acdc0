"""YAML as its editors read it (1.2: `on` is a word, not true), with the line of each field, and no key twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from marketflow.shared.errors import DefinitionError

_MAX_BYTES = 65_536
_MAX_DEPTH = 50


_BOOL = "tag:yaml.org,2002:bool"
_WORDS = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != _BOOL]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_TRUE_OR_FALSE = (_BOOL, re.compile(r"^(?:true|false)$"))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # C: ten times as fast
    """SafeLoader in which only true and false are booleans, and a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, *args: Any, **options: Any) -> dict[Any, Any]:
        keys = [k.value for k, _ in node.value]
        twice = next((k for k, _ in node.value if keys.count(k.value) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice.value} stands twice", twice.start_mark)
        made: dict[Any, Any] = super().construct_mapping(node, *args, **options)
        return made


_Loader.yaml_implicit_resolvers = {**_WORDS, **{first: [_TRUE_OR_FALSE, *_WORDS.get(first, [])] for first in "tf"}}


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes what our loader would take for something else, and `on` not."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


_Dumper.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def yaml_text(data: Any) -> str:
    """`data` as people write it, in the order given; read_yaml reads the same from it."""
    made: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return made


def read_yaml(path: Path) -> tuple[Any, yaml.Node | None]:
    """The file's data and its tree of nodes (for line numbers); raises DefinitionError with file and line."""
    text = path.read_bytes()
    if len(text) > _MAX_BYTES:
        raise DefinitionError(f"{path}: is longer than {_MAX_BYTES} bytes")
    try:
        _check_depth(text)
        loader = _Loader(text)
        tree = loader.get_single_node()
        return None if tree is None else loader.construct_document(tree), tree
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DefinitionError(f"{path}:{line}: is not YAML that can be read: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise DefinitionError(f"{path}: is not YAML that can be read") from None


def _check_depth(text: bytes) -> None:
    """Events do not nest, nodes do: the C library would run out of stack on a file made to do so."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")


def line_of(tree: yaml.Node | None, loc: Sequence[str | int]) -> int:
    """The line (from 1) of the field at `loc`, or of the nearest field around it that the file has."""
    line, node = 1, tree
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
