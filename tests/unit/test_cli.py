"""The command `marketflow`: what it prints, and how it fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from marketflow.embedded.config import Config
from marketflow.privacy import KeyRing

ROOT = Path(__file__).resolve().parents[2]


def marketflow(*words: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "marketflow", *words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "MARKETFLOW_HOME": str(home), **env},
        stdin=subprocess.DEVNULL,
    )


def test_dsn_prints_the_uri_and_nothing_else(tmp_path: Path) -> None:
    done = marketflow("dsn", "--role", "analyst", home=tmp_path)
    assert done.stdout == Config.from_env({"MARKETFLOW_HOME": str(tmp_path)}).dsn("analyst") + "\n"
    assert done.stderr == ""


def test_a_mistake_gets_one_clear_line_and_no_traceback(tmp_path: Path) -> None:
    for words, expected in (
        (("dsn", "--role", "boss"), "there is no role 'boss'; there are owner"),
        (("logs", "webserver"), "there is no part 'webserver'; there are supervisor"),
        (("bootstrap",), "MARKETFLOW_SUPERUSER_DSN is not set"),
    ):
        done = marketflow(*words, home=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"marketflow: {expected}")
        assert done.stderr.count("\n") == 1


def test_keys_prints_a_new_ring_each_time(tmp_path: Path) -> None:
    first, second = (marketflow("keys", home=tmp_path).stdout for _ in range(2))
    assert KeyRing.from_json(first) != KeyRing.from_json(second)


def test_status_of_what_does_not_run_fails_and_makes_nothing(tmp_path: Path) -> None:
    done = marketflow("status", home=tmp_path / "var")
    assert done.returncode == 1
    assert re.search(r"^scheduler +down", done.stdout, re.MULTILINE)
    assert not (tmp_path / "var").exists()


def test_logs_prints_the_end_of_each_log(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "edge.log").write_text("".join(f"line {n}\n" for n in range(100)))
    done = marketflow("logs", "edge", "-n", "2", home=tmp_path)
    assert done.stdout.splitlines()[1:] == ["line 98", "line 99"]
    assert "edge.log" in marketflow("logs", home=tmp_path).stdout


def test_reset_asks_and_takes_no_answer_for_no(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert marketflow("reset", home=tmp_path).returncode == 1
    assert tmp_path.exists()
    assert marketflow("reset", "--yes", home=tmp_path).returncode == 0
    assert not tmp_path.exists()


def test_make_help_lists_every_target_with_what_it_does() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    listed = re.findall(r"^  ([a-z-]+) +\w", done.stdout, re.MULTILINE)
    expected = [
        "demo",
        "up",
        "stop",
        "status",
        "logs",
        "dsn",
        "psql",
        "test",
        "test-slow",
        "lint",
        "bench",
        "reset",
        "requirements",
        "schema",
    ]
    assert set(expected) <= set(listed)


def test_every_target_of_the_makefile_is_listed_and_phony() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    described = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())  # type: ignore[index]
    assert targets == described == phony


def test_the_size_of_an_experiment_is_said_before_it_starts(tmp_path: Path) -> None:
    words = ("experiment", "size", "--rate", "0.03", "--effect", "0.01", "--audience", "1000")
    done = marketflow(*words, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "To find 4.00% instead of 3.00% in 80% of the cases, with alpha 0.05: " in done.stdout
    assert "times the 10,602 of a single look at the end" in done.stdout  # Fleiss: 5,301 in each arm
    assert "WARNING: too few people" in done.stdout
    for wrong, expected in (
        (("experiment", "plan", "win_bak"), "there is no campaign or journey 'win_bak'; did you mean 'win_back'?"),
        (("experiment", "plan", "welcome_series"), "welcome_series has no experiment; docs/marketers.md says"),
        (("experiment", "plan", "thank_you"), "thank_you has no experiment; docs/marketers.md says how to write one"),
        (("experiment", "size", "--rate", "0.9", "--effect", "0.2"), "rate and effect together are 100 % or more"),
    ):
        done = marketflow(*wrong, home=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"marketflow: {expected}")
