"""The generated documents: what they are called, what stands in them, and whether they are up to date."""

from __future__ import annotations

from pathlib import Path

from marketflow.catalogue.contracts import contracts_page
from marketflow.catalogue.page import catalogue_page
from marketflow.catalogue.tables import all_tables


def documents(root: Path) -> dict[Path, str]:
    """Text by file, of the project in the folder `root`."""
    return {
        root / "docs" / "contracts.md": contracts_page(),
        root / "docs" / "catalogue.html": catalogue_page(all_tables(root)),
    }


def write_documents(root: Path) -> list[Path]:
    """Write those that differ; returns them."""
    changed = stale_documents(root)
    for path, text in documents(root).items():
        if path in changed:
            path.write_text(text, encoding="utf-8")
    return changed


def stale_documents(root: Path) -> list[Path]:
    """Those that are not what would be written now."""
    return [p for p, text in documents(root).items() if not p.exists() or p.read_text(encoding="utf-8") != text]
