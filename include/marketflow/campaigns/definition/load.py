"""From files to campaigns, with errors that name the file, the line, the field and the nearest word that is allowed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import ValidationError

from marketflow.campaigns.definition.checks import doubles, faults
from marketflow.campaigns.definition.model import Campaign, CampaignFile
from marketflow.campaigns.definition.templates import load_arms, load_templates
from marketflow.shared import DefinitionError, settings
from marketflow.shared.explain import explain, told
from marketflow.shared.strict_yaml import read_yaml


@dataclass(frozen=True, kw_only=True)
class FoundCampaigns:
    """What a folder holds: campaigns by name, and what is wrong with the folders that are none."""

    good: list[Campaign] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of all folders, the wrong ones too: their switches still count


def find_campaigns(folder: Path | None = None) -> FoundCampaigns:
    """All campaigns of `folder` (include/campaigns); one that is wrong is an error and does not stop the others.

    Folders that begin with `_` or `.` are not campaigns. Of two campaigns of one title the first is kept.
    """
    root = folder or settings().campaigns_folder
    found = FoundCampaigns()
    for path in sorted(f for f in root.iterdir() if f.is_dir() and f.name[0] not in "_.") if root.is_dir() else []:
        found.names.append(path.name)
        try:
            found.good.append(load_campaign(path))
        except DefinitionError as error:
            found.errors.append(str(error))
        except Exception as error:  # noqa: BLE001  (whatever is odd about one folder, the others are campaigns)
            found.errors.append(f"{path}: cannot be read ({type(error).__name__})")
    twice = doubles([(c.name, c.title) for c in found.good])
    for name, other in twice.items():
        path = root / name / "campaign.yaml"
        words = f"the campaign {other!r} has this title; nobody could tell the two apart"
        found.errors.append(told(path, _tree(path), ["title"], words))
    found.good[:] = [c for c in found.good if c.name not in twice]
    return found


def load_campaigns(folder: Path | None = None) -> list[Campaign]:
    """All campaigns of `folder` (include/campaigns), by name; raises DefinitionError when any is wrong."""
    found = find_campaigns(folder)
    if found.errors:
        raise DefinitionError("\n".join(found.errors))
    return found.good


def load_campaign(folder: Path) -> Campaign:
    """One campaign: `campaign.yaml` and the templates beside it (templates.py); raises DefinitionError.

    A folder that `create_campaign` exchanges for a newer version meanwhile is read again, so that no campaign is half
    of one and half of the other.
    """
    while True:
        before = _identity(folder)
        try:
            campaign = _load(folder)
        except DefinitionError:
            if _identity(folder) == before:
                raise
        else:
            if _identity(folder) == before:
                return campaign


def _tree(path: Path) -> yaml.Node | None:
    """For the line of a fault; the file has been read before, and may have been changed or taken away since."""
    with suppress(DefinitionError, OSError):
        return read_yaml(path)[1]
    return None


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _load(folder: Path) -> Campaign:
    path = folder / "campaign.yaml"
    if not path.is_file():
        raise DefinitionError(f"{path}: missing; each folder of campaigns holds a campaign.yaml")
    data, tree = read_yaml(path)
    checked = _checked(path, data, tree)
    if checked.name != folder.name:
        raise DefinitionError(told(path, tree, ["name"], _misnamed(folder, checked.name)))
    if wrong := [told(path, tree, place, words) for place, words in faults(checked)]:
        raise DefinitionError("\n".join(wrong))
    mail = checked.channel == "email"
    return Campaign(
        **checked.model_dump(),
        templates=load_templates(folder, mail=mail),
        arms=load_arms(folder, checked.experiment.folders, mail=mail) if checked.experiment else {},
    )


def _checked(path: Path, data: object, tree: yaml.Node | None) -> CampaignFile:
    try:
        return CampaignFile.model_validate(data)
    except ValidationError as error:
        lines = [explain(path, tree, dict(e), CampaignFile, "campaign") for e in error.errors()]
        raise DefinitionError("\n".join(dict.fromkeys(lines))) from None


def _misnamed(folder: Path, name: str) -> str:
    if (folder.parent / name / "campaign.yaml").is_file():
        return f"the folder {name} has the campaign of this name; a copy needs its folder's name, {folder.name!r}"
    return f"must be the folder's name, {folder.name!r}"
