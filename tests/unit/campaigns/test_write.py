"""Writing a campaign's folder: all of the new one or all of the old one, whoever dies, and never over another's head."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from marketflow.campaigns.definition import Campaign, find_campaigns, load_campaign, write_campaign
from marketflow.campaigns.definition.write import VERSIONS
from marketflow.shared import DefinitionError
from marketflow.shared.strict_yaml import read_yaml

VALUES: dict[str, Any] = {
    "name": "letter",
    "title": "Ein Brief: „für dich“ 💌",
    "owner": "no",
    "enabled": False,
    "channel": "email",
    "purpose": "marketing",
    "trigger": {"on": "cron", "cron": "0 9 * * MON"},
    "audience": {"where": "segment = 'at_risk' and country in ('NO', 'on')"},
    "budget": {"amount": 12.5, "currency": "EUR"},
}
FILES = {"subject.txt": "Hi", "body.txt": "Hello {{ given_name or 'you' }}"}
KILLED = """
import os, signal, sys
from pathlib import Path
from marketflow.campaigns.definition import write
calls, real = 0, getattr(os, "fsync")
def dying(handle):
    global calls
    calls += 1
    if calls == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    real(handle)
os.fsync = dying
from tests.unit.campaigns.test_write import FILES, VALUES
write.write_campaign(
    Path(sys.argv[1]), {**VALUES, "title": "New"}, {**FILES, "subject.txt": "New"}, replaces=sys.argv[3] or None
)
"""


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_what_is_written_is_what_was_meant(tmp_path: Path) -> None:
    """Words that YAML could take for something else included; and it is a file that people can go on with by hand."""
    done = write_campaign(tmp_path, VALUES, FILES)
    campaign = load_campaign(tmp_path / "letter")
    assert (done.version, done.replaced) == (campaign.definition_version, None)
    assert (campaign.owner, campaign.title, campaign.enabled) == ("no", VALUES["title"], False)
    data, _ = read_yaml(tmp_path / "letter/campaign.yaml")
    assert data == VALUES
    text = (tmp_path / "letter/campaign.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=../campaign.schema.json\n")
    assert "\n  on: cron\n" in text
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".staging")] == []
    assert find_campaigns(tmp_path).names == ["letter"]


def test_a_campaign_is_replaced_only_by_who_has_seen_it(tmp_path: Path) -> None:
    first = write_campaign(tmp_path, VALUES, FILES)
    before = texts(tmp_path / "letter")
    with pytest.raises(DefinitionError, match=f"exists already; to replace it, give its version, {first.version}"):
        write_campaign(tmp_path, {**VALUES, "title": "Mine"}, FILES)
    with pytest.raises(DefinitionError, match="has been changed; its version is"):
        write_campaign(tmp_path, {**VALUES, "title": "Mine"}, FILES, replaces="0123456789abcdef")
    with pytest.raises(DefinitionError, match="there is no campaign of this name"):
        write_campaign(tmp_path, {**VALUES, "name": "other"}, FILES, replaces=first.version)
    assert texts(tmp_path / "letter") == before
    second = write_campaign(
        tmp_path, {**VALUES, "title": "Mine"}, {"body.txt": "x", "subject.txt": "y"}, replaces=first.version
    )
    assert second.replaced == first.version
    assert texts(tmp_path / VERSIONS / "letter" / first.version) == before
    third = write_campaign(tmp_path, VALUES, FILES, replaces=second.version)  # and back
    assert third.version == first.version
    assert sorted(p.name for p in (tmp_path / VERSIONS / "letter").iterdir()) == sorted([first.version, second.version])


@pytest.mark.parametrize(
    ("values", "files", "said"),
    [
        ({"name": "../etc"}, {}, "name: '../etc' must be"),
        ({"name": ""}, {}, "name: '' must be"),
        ({"name": "build_core"}, {}, "is the name of one of the project's own DAGs"),
        ({"trigger": {"on": "cron", "cron": "0 9 * * MOO"}}, {}, "did you mean 'MON'?"),
        ({"start": "2026-12-24", "end": "2026-12-01"}, {}, "end: 2026-12-01 is before start, 2026-12-24"),
        ({}, {"../evil.txt": "x"}, "is no name of a template"),
        ({}, {"campaign.yaml": "x"}, "is no name of a template"),
        ({}, {"subject.txt": "x" * 300_000}, "is longer than"),
    ],
)
def test_what_is_wrong_is_not_written(tmp_path: Path, values: Any, files: dict[str, str], said: str) -> None:
    with pytest.raises(DefinitionError) as info:
        write_campaign(tmp_path, {**VALUES, **values}, {**FILES, **files})
    assert said in str(info.value)
    assert ".staging" not in str(info.value)
    assert find_campaigns(tmp_path).names == []


def test_a_check_that_fails_writes_nothing(tmp_path: Path) -> None:
    def check(campaign: Campaign) -> None:
        assert campaign.name == "letter"
        raise DefinitionError("audience.where: no such column")

    with pytest.raises(DefinitionError, match="no such column"):
        write_campaign(tmp_path, VALUES, FILES, check=check)
    assert find_campaigns(tmp_path).names == []


@pytest.mark.parametrize(
    ("file", "text"), [("subject.txt", "By hand"), ("campaign.yaml", None), ("preheader.txt", "By hand")]
)
def test_what_is_changed_by_hand_while_it_is_checked_is_kept(tmp_path: Path, file: str, text: str | None) -> None:
    first = write_campaign(tmp_path, VALUES, FILES)
    second = write_campaign(tmp_path, {**VALUES, "title": "Second"}, FILES, replaces=first.version)
    back = write_campaign(tmp_path, VALUES, FILES, replaces=second.version)  # so that .versions has all of them
    path = tmp_path / "letter" / file
    words = text or "# a comment by hand\n" + path.read_text()

    def check(_: Campaign) -> None:
        path.write_text(words)

    with pytest.raises(DefinitionError, match="letter: was changed by hand meanwhile"):
        write_campaign(tmp_path, {**VALUES, "title": "New"}, FILES, replaces=back.version, check=check)
    assert path.read_text() == words


def test_nor_is_a_campaign_that_was_made_by_hand_meanwhile(tmp_path: Path) -> None:
    def check(_: Campaign) -> None:
        (tmp_path / "letter").mkdir()

    with pytest.raises(DefinitionError, match="letter: was changed by hand meanwhile"):
        write_campaign(tmp_path, VALUES, FILES, check=check)
    assert list((tmp_path / "letter").iterdir()) == []


def test_a_title_that_people_could_not_tell_apart(tmp_path: Path) -> None:
    write_campaign(tmp_path, {**VALUES, "title": "Spring sale"}, FILES)
    with pytest.raises(DefinitionError, match="title: the campaign 'letter' has this title"):
        write_campaign(tmp_path, {**VALUES, "name": "second", "title": "  SPRING\u00a0 sale "}, FILES)


@pytest.mark.parametrize("replaces", [False, True])
def test_a_writer_that_is_killed_leaves_the_old_one_or_the_new_one(tmp_path: Path, replaces: bool) -> None:
    """Killed before each of its syncs in turn; whoever comes next can write."""
    from conftest import ROOT

    seen = set()
    for step in range(1, 20):
        root = tmp_path / str(step)
        root.mkdir()
        version = write_campaign(root, VALUES, FILES).version if replaces else ""
        env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'include'}:{ROOT / 'tests'}"}
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(root), str(step), version], env=env, check=False, capture_output=True
        )
        found = find_campaigns(root)
        assert found.errors == []
        titles = [(c.title, c.templates.subject.strip()) for c in found.good]
        assert titles in ([("New", "New")], [(VALUES["title"], "Hi")] if replaces else [])
        seen.add((done.returncode, bool(titles and titles[0][0] == "New")))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        now = found.good[0].definition_version if found.good else None
        write_campaign(root, {**VALUES, "title": "Later"}, FILES, replaces=now)
        assert not [p for p in root.iterdir() if p.name.startswith(".staging")]
        if replaces and titles == [("New", "New")]:
            assert (root / VERSIONS / "letter" / version / "campaign.yaml").is_file()
    assert seen == {(-signal.SIGKILL, False), (-signal.SIGKILL, True), (0, True)}


def test_two_writers_at_once(tmp_path: Path) -> None:
    """Of ten who want the same name one gets it, and of ten who replace the same version one does."""

    def write(title: str, replaces: str | None, done: list[str]) -> None:
        try:
            done.append(write_campaign(tmp_path, {**VALUES, "title": title}, FILES, replaces=replaces).version)
        except DefinitionError as error:
            done.append(f"refused: {error}")

    version: str | None = None
    for turn in range(2):
        done: list[str] = []
        threads = [threading.Thread(target=write, args=(f"Title {turn} {n}", version, done)) for n in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        [version] = [d for d in done if not d.startswith("refused")]
        assert len(done) == 10
        assert load_campaign(tmp_path / "letter").definition_version == version


def test_who_reads_while_it_is_exchanged_gets_one_or_the_other(tmp_path: Path) -> None:
    version = write_campaign(tmp_path, {**VALUES, "title": "Old"}, {**FILES, "subject.txt": "Old"}).version
    stop, mixed, reads = threading.Event(), [], []

    def read() -> None:
        while not stop.is_set():
            campaign = load_campaign(tmp_path / "letter")
            reads.append(campaign.title)
            if campaign.title != campaign.templates.subject.strip():
                mixed.append(campaign)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(20):
        title = ("Old", "New")[n % 2]
        version = write_campaign(
            tmp_path, {**VALUES, "title": title}, {**FILES, "subject.txt": title}, replaces=version
        ).version
    stop.set()
    reader.join(60)
    assert mixed == []
    assert set(reads) == {"Old", "New"}


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    with pytest.raises(DefinitionError, match=r"cannot be written to .* let MARKETFLOW_CAMPAIGNS name a folder"):
        write_campaign(file / "campaigns", VALUES, FILES)
    root = tmp_path / "readonly"
    root.mkdir()

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)  # the tests may run as root, for whom no mode forbids anything
    with pytest.raises(DefinitionError, match="Read-only file system"):
        write_campaign(root, VALUES, FILES)
