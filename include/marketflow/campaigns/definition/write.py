"""Write a campaign's folder at once: the whole new one, or the old one as it was, whatever happens in between.

Beside the campaigns the folder holds `.versions/<name>/<version>/`, what a campaign was before it was replaced, and
while somebody writes `.staging-...`. Both begin with a dot, so nobody takes them for campaigns.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketflow.campaigns.definition.checks import same_words
from marketflow.campaigns.definition.exchange import exchange
from marketflow.campaigns.definition.load import find_campaigns, load_campaign
from marketflow.campaigns.definition.model import NAME, Campaign
from marketflow.shared import DefinitionError
from marketflow.shared.strict_yaml import yaml_text

VERSIONS = ".versions"
_STAGING = ".staging-"
_SHARED = "_shared"
_HEAD = (
    "# yaml-language-server: $schema=../campaign.schema.json\n"
    "# Written by the form `create_campaign`. It may be changed by hand; the form then asks for the version of today.\n"
)
_FILE = re.compile(r"(arms/[a-z][a-z0-9_]{0,39}/)?[a-z0-9_][A-Za-z0-9_.-]{0,80}")


@dataclass(frozen=True, kw_only=True)
class WrittenCampaign:
    """What was written: `version` is its definition_version, `replaced` that of the campaign that was there."""

    name: str
    path: str
    version: str
    replaced: str | None


def write_campaign(
    root: Path,
    values: Mapping[str, Any],
    files: Mapping[str, str],
    *,
    replaces: str | None = None,
    check: Callable[[Campaign], None] = lambda _: None,
) -> WrittenCampaign:
    """Write `root/<name>/` with a campaign.yaml of `values` and the templates `files` (name in the folder → text).

    The campaign is read back and given to `check`, which raises for what is wrong with it, before anybody can see it.
    One that exists is replaced only if `replaces` is its version and nobody touched its files during `check`; it is
    kept in `.versions`. Raises DefinitionError.
    """
    name = str(values.get("name") or "")
    if not re.fullmatch(NAME, name):
        raise DefinitionError(f"name: {name[:60]!r} must be 2 to 50 small letters, digits and _, a letter first")
    for file in files:
        if not _FILE.fullmatch(file) or file == "campaign.yaml":
            raise DefinitionError(f"templates: {file[:60]!r} is no name of a template")
    with _alone(root) as staging:
        seen = _content(root / name)
        before = _known(root / name, replaces)
        _fill(staging, root, name, values, files)
        campaign = _read_back(staging, root, name)
        _check_title(root, campaign)
        check(campaign)
        if _content(root / name) != seen:  # a check takes long, and people write by hand
            raise DefinitionError(f"{name}: was changed by hand meanwhile; look at what it says now, and try again")
        _put(staging / name, root / name, before)
        return WrittenCampaign(
            name=name, path=str(root / name), version=campaign.definition_version,
            replaced=before.definition_version if before else None,
        )  # fmt: skip


@contextmanager
def _alone(root: Path) -> Iterator[Path]:
    """One writer at a time, with an empty place beside the campaigns; what a writer who died left there is cleared."""
    try:
        (root / VERSIONS).mkdir(parents=True, exist_ok=True)
        lock = os.open(root / VERSIONS / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise DefinitionError(_unwritable(root, error)) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in root.glob(f"{_STAGING}*"):
            shutil.rmtree(left, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=root))
        staging.chmod(0o755)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise DefinitionError(_unwritable(root, error)) from None
    finally:
        os.close(lock)  # and with it goes the lock


def _unwritable(root: Path, error: OSError) -> str:
    return (
        f"{root}: cannot be written to ({error.strerror}); let MARKETFLOW_CAMPAIGNS name a folder that can, the "
        "same for all parts of Airflow, or put the files into the image or the repository by hand"
    )


def _known(folder: Path, replaces: str | None) -> Campaign | None:
    """The campaign that is there; raises DefinitionError unless it is the one that the caller means to replace."""
    if not folder.exists():
        if replaces:
            raise DefinitionError(f"{folder.name}: there is no campaign of this name that could be replaced")
        return None
    version = load_campaign(folder).definition_version
    if not replaces:
        raise DefinitionError(f"{folder.name}: exists already; to replace it, give its version, {version}")
    if replaces != version:
        raise DefinitionError(f"{folder.name}: has been changed; its version is {version}, not {replaces[:40]}")
    return load_campaign(folder)


def _content(folder: Path) -> dict[str, bytes] | None:
    """All that a folder's files say, comments too, which are no part of a version; None: there is no such folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files} if folder.exists() else None


def _fill(staging: Path, root: Path, name: str, values: Mapping[str, Any], files: Mapping[str, str]) -> None:
    if (root / _SHARED).is_dir():
        (staging / _SHARED).symlink_to((root / _SHARED).resolve())
    (staging / name).mkdir()
    for file, text in {"campaign.yaml": _HEAD + yaml_text(dict(values)), **files}.items():
        (staging / name / file).parent.mkdir(parents=True, exist_ok=True)
        _write(staging / name / file, text)
    for path in [staging / name, *(p for p in (staging / name).rglob("*") if p.is_dir())]:
        _sync(path)


def _read_back(staging: Path, root: Path, name: str) -> Campaign:
    try:
        return load_campaign(staging / name)
    except DefinitionError as error:
        raise DefinitionError(str(error).replace(str(staging), str(root))) from None


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text if text.endswith("\n") else f"{text}\n")
        file.flush()
        os.fsync(file.fileno())


def _check_title(root: Path, campaign: Campaign) -> None:
    for other in find_campaigns(root).good:
        if other.name != campaign.name and same_words(other.title) == same_words(campaign.title):
            raise DefinitionError(f"title: the campaign {other.name!r} has this title; nobody could tell the two apart")


def _put(new: Path, place: Path, before: Campaign | None) -> None:
    """The one step that others see."""
    if before is None:
        new.rename(place)
    else:
        _keep(place, before.definition_version)
        exchange(new, place)
    _sync(place.parent)


def _keep(folder: Path, version: str) -> None:
    """Copy what is about to be replaced, so that no crash can lose it."""
    kept = folder.parent / VERSIONS / folder.name / version
    if kept.exists():
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    copy = kept.parent / f".{version}.{os.getpid()}"
    with suppress(FileNotFoundError):
        shutil.rmtree(copy)
    shutil.copytree(folder, copy)
    for path in copy.rglob("*"):
        _sync(path)
    copy.rename(kept)
    _sync(kept.parent)


def _sync(path: Path) -> None:
    """What was written is on the disk, not on its way."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
