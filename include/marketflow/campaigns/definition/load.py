"""From files to campaigns, with errors that name the file, the line, the field and the nearest word that is allowed."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from marketflow.campaigns.definition.model import Campaign, CampaignFile
from marketflow.campaigns.definition.templates import load_templates
from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import explain, told
from marketflow.shared.strict_yaml import read_yaml


def load_campaigns(folder: Path | None = None) -> list[Campaign]:
    """All campaigns of `folder` (include/campaigns), by name; folders that begin with `_` or `.` are not campaigns.

    Raises DefinitionError for the first that is wrong.
    """
    root = folder or settings().root / "include" / "campaigns"
    found = sorted(f for f in root.iterdir() if f.is_dir() and f.name[0] not in "_.") if root.is_dir() else []
    return [load_campaign(f) for f in found]


def load_campaign(folder: Path) -> Campaign:
    """One campaign: `campaign.yaml` and the templates beside it (templates.py); raises DefinitionError."""
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
    return Campaign(**checked.model_dump(), templates=load_templates(folder, mail=checked.channel == "email"))
