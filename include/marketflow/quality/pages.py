"""Data Docs: one folder of Great Expectations' pages per load, and one per judgement of the tables."""

from __future__ import annotations

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
            "site_section_builders": {"profiling": "None"},  # nobody profiles here
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
    return target / "index.html"


def _share_static(building: Path, shared: Path) -> None:
    """Keep styles and pictures once for all loads: they are 4 MB, the pages themselves 0.1."""
    if shared.exists():
        shutil.rmtree(building / "static")
    else:
        (building / "static").rename(shared)
    (building / "static").symlink_to("../static")
