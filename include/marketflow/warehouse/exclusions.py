"""`include/recommendations.yaml`: what marketers never want to be proposed, for the transform of marts.products."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import explain
from marketflow.shared.strict_yaml import read_yaml


def _word(value: object) -> object:
    """A text without blanks around it: YAML would take 0012 for ten, and nobody would see that it excludes nothing."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text: write it as the catalogue has it, in quotes")  # noqa: TRY004 - for pydantic
    if not value.strip():
        raise ValueError("is an empty text: write a word of the catalogue, or leave the line out")
    return value.strip()


def _list(value: object) -> object:
    """A list whose lines are all comments is empty."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ValueError("is not a list: write each word on a line of its own, behind a hyphen")  # noqa: TRY004 - for pydantic
    return value


def _mapping(value: object) -> object:
    """What has names in it; pydantic would speak of dictionaries."""
    if not isinstance(value, dict):
        raise ValueError("names no lists: a file that excludes nothing says `exclude: {}`")  # noqa: TRY004 - for pydantic
    return value


Words = Annotated[tuple[Annotated[str, BeforeValidator(_word)], ...], BeforeValidator(_list)]


class Exclusions(BaseModel):
    """What products are left out by, as the catalogue has it; `products` are the shop's numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    departments: Words = ()
    categories: Words = ()
    product_types: Words = ()
    brands: Words = ()
    products: Words = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    exclude: Annotated[Exclusions, BeforeValidator(_mapping)]


def excluded_products(path: Path | None = None) -> dict[str, Any]:
    """What `path` (the setting `recommendations`) excludes, as the parameters of marts.products: lists of texts.

    Read each time, so that a change counts without a restart. Raises DefinitionError, with a line for each thing that
    is wrong, and where there is no file: nobody may be sent what it excluded because it was lost.
    """
    found = load_exclusions(path or settings().recommendations)
    return {f"excluded_{name}": list(getattr(found, name)) for name in Exclusions.model_fields}


def load_exclusions(path: Path) -> Exclusions:
    """The file's exclusions; raises DefinitionError as `excluded_products` does."""
    if not path.is_file():
        raise DefinitionError(f"{path}: missing; a file that excludes nothing says `exclude: {{}}`")
    data, tree = read_yaml(path)
    try:
        return _File.model_validate({} if data is None else data).exclude
    except ValidationError as error:
        lines = [explain(path, tree, dict(e), _File) for e in error.errors()]
        raise DefinitionError("\n".join(dict.fromkeys(lines))) from None
