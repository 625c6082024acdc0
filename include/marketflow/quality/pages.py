"""Data Docs: one folder of pages per load, and an index of all of them."""

from __future__ import annotations

import html
import os
import shutil
from pathlib import Path
from typing import Any


def publish(context: Any, docs: Path, name: str) -> Path:
    """Build the context's Data Docs as `docs`/`name`, whole or not at all; returns their first page."""
    building, target = docs / f".{name}.{os.getpid()}", docs / name
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    context.add_data_docs_site(
        site_name="pages",
        site_config={
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(building)},
        },
    )
    try:
        context.build_data_docs(site_names=["pages"])
        _share_static(building, docs / "static")
        shutil.rmtree(target, ignore_errors=True)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    _write_index(docs)
    return target / "index.html"


def _share_static(building: Path, shared: Path) -> None:
    """Keep styles and pictures once for all loads: they are 4 MB, the pages themselves 0.1."""
    if shared.exists():
        shutil.rmtree(building / "static")
    else:
        (building / "static").rename(shared)
    (building / "static").symlink_to("../static")


def _write_index(docs: Path) -> None:
    loads = sorted(
        (f.parent.name for f in docs.glob("*/index.html") if not f.parent.name.startswith(".")),
        key=lambda name: int(name.rpartition("-")[2]) if name.rpartition("-")[2].isdigit() else 0,
        reverse=True,
    )
    rows = "".join(f'<li><a href="{html.escape(n)}/index.html">{html.escape(n)}</a></li>' for n in loads)
    page = f'<!doctype html><meta charset="utf-8"><title>Quality of the loads</title><h1>Quality</h1><ul>{rows}</ul>'
    temporary = docs / f".index.{os.getpid()}"
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(docs / "index.html")
