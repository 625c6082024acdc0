"""`marketflow evaluate FILE`: published experiments come out as published, and bad files get a place and a remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from marketflow.cli import app
from marketflow.evaluation.experiment_file import judge_file, told
from marketflow.shared import MarketflowError, SourceError

# Hillstrom, "The MineThatData E-Mail Analytics And Data Mining Challenge" (2008): customers, visits and conversions by
# segment, from which the published 18.3, 15.1 and 10.6 % visits and 1.25, 0.88 and 0.57 % conversions come.
HILLSTROM = {"Mens": (21_307, 3_894, 267), "Womens": (21_387, 3_238, 189), "No E-Mail": (21_306, 2_262, 122)}


def write(path: Path, lines: Iterator[str] | list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def hillstrom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def lines() -> Iterator[str]:
        yield "customer,segment,visit,conversion"
        number = 0
        for arm, (people, visits, conversions) in HILLSTROM.items():
            for n in range(people):
                number += 1
                yield f"{number},{arm},{int(n < visits)},{int(n < conversions)}"

    return write(tmp_path_factory.mktemp("hillstrom") / "challenge.csv", lines())


def test_the_published_figures_of_hillstroms_challenge(hillstrom: Path) -> None:
    thirds = dict.fromkeys(HILLSTROM, 1.0)
    found = judge_file(hillstrom, person="customer", outcomes=["visit", "conversion"], shares=thirds)
    assert found.control == "No E-Mail"
    assert found.arms == {name: people for name, (people, _, _) in HILLSTROM.items()}
    visit, conversion = found.outcomes
    rates = {c.variant: (round(100 * c.value, 1), round(100 * c.difference, 2)) for c in visit.comparisons}
    assert rates == {"Mens": (18.3, 7.66), "Womens": (15.1, 4.52)}
    assert round(100 * visit.control_value, 1) == 10.6
    bought = {c.variant: (round(100 * c.value, 2), round(100 * c.difference, 2)) for c in conversion.comparisons}
    assert bought == {"Mens": (1.25, 0.68), "Womens": (0.88, 0.31)}
    assert round(100 * conversion.control_value, 2) == 0.57
    # at this size all intervals of a difference agree: 1.96 standard errors
    mens = visit.comparisons[0]
    assert (mens.low, mens.high) == pytest.approx((0.0766 - 0.00664, 0.0766 + 0.00664), abs=1e-4)
    assert all(c.p_value < 0.001 for outcome in found.outcomes for c in outcome.comparisons)
    assert found.sample_ratio is not None
    assert not found.sample_ratio.is_wrong


def test_the_physicians_health_study_of_the_textbook(tmp_path: Path) -> None:
    # Agresti, An Introduction to Categorical Data Analysis, 2.2: 189 of 11,034 with placebo, 104 of 11,037 with aspirin;
    # difference 0.0077 (0.005 to 0.011), relative risk 1.82 (1.43 to 2.30)
    rows = [
        f"{arm},{int(n < hits)}"
        for arm, people, hits in (("placebo", 11_034, 189), ("aspirin", 11_037, 104))
        for n in range(people)
    ]
    path = write(tmp_path / "aspirin.csv", ["group,attack", *rows])
    [compared] = judge_file(path, control="aspirin").outcomes[0].comparisons
    assert (round(compared.difference, 4), round(compared.low, 3), round(compared.high, 3)) == (0.0077, 0.005, 0.011)
    assert compared.relative is not None
    assert compared.relative_low is not None
    assert compared.relative_high is not None
    ratios = [1 + r for r in (compared.relative, compared.relative_low, compared.relative_high)]
    assert [round(r, 2) for r in ratios] == [1.82, 1.43, 2.30]


def test_students_sleep_data(tmp_path: Path) -> None:
    # Student, Biometrika 6 (1908): extra hours of sleep; Welch's test, as R's help of t.test prints it
    first, second = (
        [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
        [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
    )
    path = write(tmp_path / "sleep.csv", ["group,extra", *(f"1,{x}" for x in first), *(f"2,{x}" for x in second)])
    [compared] = judge_file(path, control="2").outcomes[0].comparisons
    assert (compared.low, compared.high) == pytest.approx((-3.3654832, 0.2054832), abs=1e-6)
    assert compared.p_value == pytest.approx(0.07939, abs=5e-6)


def test_parquet_semicolons_and_truth_values_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"arm": ["control", "new"] * 50, "bought": [n % 3 == 0 for n in range(100)], "line": [1.5] * 100})
    pq.write_table(table, tmp_path / "x.parquet")
    found = judge_file(tmp_path / "x.parquet")
    assert [(o.name, o.kind) for o in found.outcomes] == [("bought", "rate"), ("line", "mean")]
    path = write(
        tmp_path / "x.csv", ['\ufeffarm;a "b";note', *(f"{('control', 'new')[n % 2]};{n};words" for n in range(60))]
    )
    assert [o.name for o in judge_file(path, variant="arm").outcomes] == ['a "b"']


def test_sizes_that_chance_does_not_make_are_an_alarm(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["variant,y", *["control,0", "control,1"] * 600, *["new,0", "new,1"] * 500])
    found = judge_file(path, shares={"control": 0.5, "new": 0.5})
    assert found.sample_ratio is not None
    assert found.sample_ratio.p_value == pytest.approx(2.0e-5, rel=0.05)
    words = "\n".join(told(found))
    assert "WRONG SIZES" in words
    assert "do not trust what follows" in words


def test_everybody_converted_is_no_difference_and_no_proof(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["variant,bought,spent", *["control,1,5"] * 400, *["new,1,5"] * 400])
    rate, mean = judge_file(path).outcomes
    [compared] = rate.comparisons
    assert (compared.difference, compared.p_value) == (0, 1)
    assert -0.02 < compared.low < 0 < compared.high < 0.02
    assert (mean.comparisons[0].low, mean.comparisons[0].high) == (0, 0)
    words = "\n".join(told(judge_file(path)))
    assert "Not proven: it may be better, worse or the same" in words


def test_nobody_converted_and_arms_of_one_person(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["variant,bought,spent", "control,0,0", "new,0,3.5"])
    rate, mean = judge_file(path).outcomes
    assert rate.comparisons[0].relative is None
    assert not mean.has_enough
    words = "\n".join(told(judge_file(path)))
    assert "no interval, since one person has no spread" in words
    assert "cannot be told" in words


BAD: list[tuple[list[str], dict[str, Any], str]] = [
    (["variant,y"], {}, "holds nobody; there is only the first line"),
    (["", "a,b"], {}, "line 1: has an empty name, or none; the first line names the columns"),
    (["variant,Y,y", "a,1,2"], {}, "line 1: two columns are called 'y'"),
    (["variant,y", "a,1", "a,0"], {}, "column variant: all 2 people are in 'a'; a comparison needs two variants"),
    (["variant,y", "a,1", ",0"], {}, "line 3, column variant: is empty; each person has a variant"),
    (["variant,y", "a,1", "b,ann@example.com"], {"outcomes": ["y"]}, "line 3, column y: is no number"),
    (["variant,y", "a,1", "b,"], {"outcomes": ["y"]}, "line 3, column y: is empty; write 0 for who did nothing"),
    (["variant,y", "a,1", "b,nan"], {"outcomes": ["y"]}, "line 3, column y: is no number"),
    (["variant,y", "a,1", "b,inf"], {"outcomes": ["y"]}, "line 3, column y: is no number"),
    (["variant,y", "a,x", "b,z"], {}, "no column holds numbers only; name the outcomes: --outcome COLUMN"),
    (["variant,y", "a,1", "b,1"], {"outcomes": ["z"]}, "there is no column 'z' (--outcome)"),
    (["x,y", "a,1", "b,1"], {}, "say which column has the variant: --variant COLUMN, one of x, y"),
    (["variant,y", "x,1", "z,1"], {}, "say which variant is the control: --control NAME, one of x, z"),
    (["variant,y", "x,1", "z,1"], {"control": "w"}, "nobody is in 'w' (--control)"),
    (["id,variant,y", "7,a,1", "8,b,1", "7,a,0"], {"person": "id"}, "line 4, column id: the same person as in line 2"),
    (["variant,y", "a,1", "b,1"], {"shares": {"a": 1, "b": 1, "c": 1}}, "--shares: nobody is in 'c'"),
    (["variant,y", "a,1", "b,1"], {"shares": {"a": 1}}, "--shares: says nothing of 'b'"),
    (["variant,y", "a,1", "b,1"], {"shares": {"a": 1, "b": 0}}, "--shares: each share is a number above 0"),
    (["variant,y", "a,1", "b,1"], {"alpha": 1.0}, "--alpha 1.0: must lie between 0 and 1"),
    (["variant,y", *(f"{n},1" for n in range(60))], {}, "has more than 50 variants; is it the right column?"),
    (["variant,y", "a,1", "b,1,2,3"], {}, "cannot be read as CSV: line 3 does not fit the others"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "options", "said"), BAD, ids=[said for _, _, said in BAD])
def test_a_bad_file_gets_place_and_remedy(tmp_path: Path, lines: list[str], options: dict[str, Any], said: str) -> None:
    path = write(tmp_path / "x.csv", lines)
    with pytest.raises(SourceError) as error:
        judge_file(path, **options)
    assert said in str(error.value)
    assert "ann@" not in str(error.value)
    if not said.startswith("--"):
        assert str(path) in str(error.value)


def test_what_is_no_file_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such file"):
        judge_file(tmp_path / "none.csv")
    (tmp_path / "x.csv").write_bytes("variant,größe\n".encode("latin-1"))
    with pytest.raises(SourceError, match="is not UTF-8 text"):
        judge_file(tmp_path / "x.csv")
    (tmp_path / "x.parquet").write_bytes(b"variant,y\n")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        judge_file(tmp_path / "x.parquet")


def test_the_command_prints_words_or_json(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.csv",
        ["variant,y,z", *["control,0,0"] * 90, *["control,1,9"] * 10, *["new,0,0"] * 70, *["new,1,9"] * 30],
    )
    said = CliRunner().invoke(app, ["evaluate", str(path), "--shares", "control=0.5,new=0.5"])
    assert said.exit_code == 0
    assert "200 people: control 100, new 100. Held against control." in said.stdout
    assert "+20.00 points, 95 % interval" in said.stdout
    assert "More than the control, and hardly by chance" in said.stdout
    assert "2 comparisons were made" in said.stdout
    assert "Few people have anything but nothing here" in said.stdout
    found = json.loads(CliRunner().invoke(app, ["evaluate", str(path), "--json", "--outcome", "y"]).stdout)
    assert found["outcomes"][0]["comparisons"][0]["difference"] == pytest.approx(0.2)
    bad = CliRunner().invoke(app, ["evaluate", str(path), "--shares", "control:0.5"])
    assert isinstance(bad.exception, MarketflowError)
    assert "'control:0.5' is not like control=0.5" in str(bad.exception)


def test_columns_may_be_called_anything(tmp_path: Path) -> None:
    lines = [
        'rowid,"(line)","a""; DROP TABLE kept; --",arm,value,line,number',
        *["control,x,1,2,0,1,2"] * 30,
        *["b,x,2,1,1,1,2"] * 30,
    ]
    found = judge_file(write(tmp_path / "x.csv", lines), variant="rowid")
    assert [o.name for o in found.outcomes] == ['a"; DROP TABLE kept; --', "arm", "value", "line", "number"]
    with pytest.raises(SourceError, match=r"line 2, column \(line\): is no number"):
        judge_file(tmp_path / "x.csv", variant="rowid", outcomes=["(line)"])
