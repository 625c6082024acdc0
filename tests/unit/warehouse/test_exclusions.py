"""include/recommendations.yaml: what it excludes, and what is said when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketflow.shared import DefinitionError, settings
from marketflow.warehouse import excluded_products

NAMES = {"departments", "categories", "product_types", "brands", "products"}


def make(folder: Path, text: str) -> Path:
    path = folder / "recommendations.yaml"
    path.write_text(text)
    return path


def test_the_shipped_file_excludes_what_it_says_why() -> None:
    found = excluded_products()
    assert set(found) == {f"excluded_{name}" for name in NAMES}
    assert {"COUPON", "FUEL", "SPIRITS"} <= set(found["excluded_departments"])
    assert {"CIGARETTES", "LIQUOR", "PHARMACY", "FAMILY PLANNING"} <= set(found["excluded_categories"])
    assert settings().recommendations.name == "recommendations.yaml"


def test_words_stand_without_the_blanks_around_them_and_numbers_keep_their_zeros(tmp_path: Path) -> None:
    text = 'exclude: {departments: [" Fuel "], products: ["0012"]}\n'
    found = excluded_products(make(tmp_path, text))
    assert (found["excluded_departments"], found["excluded_products"]) == (["Fuel"], ["0012"])


@pytest.mark.parametrize("text", ["exclude: {}\n", "exclude:\n  brands:\n    # - Acme\n", "exclude: {brands: []}\n"])
def test_lists_may_be_empty_or_left_out(tmp_path: Path, text: str) -> None:
    assert excluded_products(make(tmp_path, text)) == {f"excluded_{name}": [] for name in NAMES}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exclude:\n  brnads: [Acme]\n", ":2: exclude.brnads: there is no such field; did you mean 'brands'?"),
        ("brands: [Acme]\nexclude: {}\n", ":1: brands: there is no such field; known are exclude"),
        ("brands: [Acme]\n", ": exclude: is missing"),
        ("exclude:\n", ":1: exclude: "),
        ("exclude:\n  brands: Acme\n", ":2: exclude.brands: is not a list: write each word on a line of its own"),
        ("exclude:\n  products:\n  - '1'\n  - 0012\n", ":4: exclude.products.1: 10 is not a text: write it as the"),
        ("exclude:\n  brands:\n  - Acme\n  - ' '\n", ":4: exclude.brands.1: is an empty text"),
        ("exclude:\n  brands:\n  -\n", ":3: exclude.brands.0: None is not a text"),
        ("exclude:\n  brands: [A]\n  brands: [B]\n", "is not YAML that can be read: brands stands twice"),
        ("exclude: [\n", "is not YAML that can be read"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_field(tmp_path: Path, text: str, said: str) -> None:
    path = make(tmp_path, text)
    with pytest.raises(DefinitionError) as told:
        excluded_products(path)
    assert str(told.value).startswith(str(path))
    assert said in str(told.value)


def test_a_file_that_is_lost_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"recommendations\.yaml: missing; a file that excludes nothing says"):
        excluded_products(tmp_path / "recommendations.yaml")
