"""From files to campaigns, with errors that name the file, the line, the field and the nearest word that is allowed."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from marketflow.campaigns.definition.model import Campaign, CampaignFile, Templates
from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import explain, told
from marketflow.shared.strict_yaml import read_yaml

_MAX_TEMPLATE = 200_000  # characters; what is rendered has its own limit
_SHARED = "_shared"


def load_campaigns(folder: Path | None = None) -> list[Campaign]:
    """All campaigns of `folder` (include/campaigns), by name; folders that begin with `_` or `.` are not campaigns.

    Raises DefinitionError for the first that is wrong.
    """
    root = folder or settings().root / "include" / "campaigns"
    found = sorted(f for f in root.iterdir() if f.is_dir() and f.name[0] not in "_.") if root.is_dir() else []
    return [load_campaign(f) for f in found]


def load_campaign(folder: Path) -> Campaign:
    """One campaign: `campaign.yaml`, `subject.txt` and `body.html` (mails), `body.txt`; raises DefinitionError."""
    path = folder / "campaign.yaml"
    if not path.is_file():
        raise DefinitionError(f"{path}: missing; each folder of campaigns holds a campaign.yaml")
    data, tree = read_yaml(path)
    try:
        checked = CampaignFile.model_validate(data)
    except ValidationError as error:
        raise DefinitionError(
            "\n".join(explain(path, tree, dict(e), CampaignFile, "campaign") for e in error.errors())
        ) from None
    if checked.name != folder.name:
        raise DefinitionError(told(path, tree, ["name"], f"must be the folder's name, {folder.name!r}"))
    return Campaign(**checked.model_dump(), templates=_load_templates(folder, mail=checked.channel == "email"))


def _load_templates(folder: Path, *, mail: bool) -> Templates:
    shared = folder.parent / _SHARED
    return Templates(
        subject=_read(folder / "subject.txt") if mail else "",
        text=_read(folder / "body.txt"),
        html=_read(folder / "body.html") if mail and (folder / "body.html").exists() else None,
        shared={f.name: _read(f) for f in sorted(shared.glob("*.*"))} if mail and shared.is_dir() else {},
    )


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        has = ", ".join(sorted(f.name for f in path.parent.iterdir()))
        raise DefinitionError(f"{path}: missing; the folder has {has}") from None
    except UnicodeDecodeError:
        raise DefinitionError(f"{path}: is not UTF-8 text") from None
    if len(text) > _MAX_TEMPLATE:
        raise DefinitionError(f"{path}: is longer than {_MAX_TEMPLATE} characters")
    return text
