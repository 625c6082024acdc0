"""The examples of docs/sources.md are sources that load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import ROOT
from marketflow.sources import load_source

GUIDE = (ROOT / "docs/sources.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
ORIGINS = re.split(r"^(?=from:)", next(b for b in BLOCKS if b.startswith("from:")), flags=re.MULTILINE)[1:]


def load(folder: Path, text: str) -> object:
    (folder / "guide.yaml").write_text(text)
    return load_source(folder / "guide.yaml")


def test_the_flat_export(tmp_path: Path) -> None:
    (whole,) = [b for b in BLOCKS if "records:" in b]
    assert load(tmp_path, whole)


@pytest.mark.parametrize("origin", ORIGINS, ids=["folder", "store", "table", "query"])
def test_where_the_data_are(tmp_path: Path, origin: str) -> None:
    record = "orders" if "query" in origin else "customers"
    assert load(tmp_path, f"title: Of the guide\nowner: tests\nschedule: null\n{origin}records: {{{record}: {{}}}}\n")
