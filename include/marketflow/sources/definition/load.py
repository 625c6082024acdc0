"""From files to sources, with errors that name the file, the line, the field and the nearest word that is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import explain, told
from marketflow.shared.strict_yaml import read_yaml
from marketflow.sources.definition.checks import faults
from marketflow.sources.definition.model import NAME, Source, SourceFile


@dataclass(frozen=True, kw_only=True)
class FoundSources:
    """What a folder holds: sources by name, and what is wrong with the files that are none."""

    good: list[Source] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def find_sources(folder: Path | None = None) -> FoundSources:
    """All sources of `folder` (include/sources); a file that is wrong is an error and does not stop the others."""
    root = folder or settings().sources
    found = FoundSources()
    for path in sorted(root.glob("*.yaml")) if root.is_dir() else []:
        if path.name.startswith("."):
            continue
        try:
            found.good.append(load_source(path))
        except DefinitionError as error:
            found.errors.append(str(error))
    return found


def load_sources(folder: Path | None = None) -> list[Source]:
    """All sources of `folder` (include/sources), by name; raises DefinitionError when any file is wrong."""
    found = find_sources(folder)
    if found.errors:
        raise DefinitionError("\n".join(found.errors))
    return found.good


def load_source(path: Path) -> Source:
    """One source; raises DefinitionError with a line for each thing that is wrong."""
    if not path.is_file():
        raise DefinitionError(f"{path}: missing")
    if not re.fullmatch(NAME, path.stem):
        raise DefinitionError(f"{path}: the file's name must be small letters, digits and _")
    data, tree = read_yaml(path)
    try:
        checked = SourceFile.model_validate(data)
    except ValidationError as error:
        lines = [explain(path, tree, dict(e), SourceFile, "source") for e in error.errors()]
        raise DefinitionError("\n".join(dict.fromkeys(lines))) from None
    values = {name: getattr(checked, name) for name in checked.model_fields_set}
    source = Source(**{**values, "name": path.stem, "system": checked.system or path.stem})
    if wrong := [told(path, tree, place, words) for place, words in faults(source)]:
        raise DefinitionError("\n".join(wrong))
    return source
