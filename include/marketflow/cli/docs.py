"""`marketflow docs`: the documents that are made from what the project knows of itself."""

from __future__ import annotations

from typing import Annotated

import typer

from marketflow.shared import ConfigurationError, Settings


def docs(
    *, check: Annotated[bool, typer.Option("--check", help="write nothing; exit code 1 when one differs")] = False
) -> None:
    """Write docs/contracts.md and docs/catalogue.html."""
    from marketflow.catalogue import stale_documents, write_documents

    root = Settings().root
    if not check:
        print("\n".join(f"wrote {path.relative_to(root)}" for path in write_documents(root)) or "nothing to do")
    elif stale := stale_documents(root):
        names = ", ".join(str(path.relative_to(root)) for path in stale)
        raise ConfigurationError(f"{names}: not what the project says of itself: run `make docs`")
