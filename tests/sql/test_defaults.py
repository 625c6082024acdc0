"""What a contract says of an absent column is what its table in raw has by default: the loader leaves such columns out."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from marketflow.sources import CONTRACTS, Column, Contract
from marketflow.sources.contracts.stored import LISTS
from table_rows import give, name

DEFAULTED = [(contract, column) for contract in CONTRACTS.values() for column in contract.columns if column.default]
EXPRESSION = """
SELECT pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod)
FROM pg_attribute AS a
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s::regclass AND a.attname = %s
"""


@pytest.mark.parametrize(("contract", "column"), DEFAULTED, ids=[f"{c.record}.{col.name}" for c, col in DEFAULTED])
def test_the_table_has_the_contracts_default(conn: psycopg.Connection, contract: Contract, column: Column) -> None:
    if contract.is_bulk and column.target in LISTS:
        give(conn, contract.stored_in, [{"order_ref": "o", LISTS[column.target]: None}])
        query = sql.SQL("SELECT l.{} = %s FROM {} AS l").format(sql.Identifier(column.target), name(contract.table))
        assert conn.execute(query, [column.default]).fetchall() == [(True,)]
        return
    row = conn.execute(EXPRESSION, [contract.stored_in, column.target]).fetchone()
    assert row
    expression, kind = row
    assert expression, "the table has no default"
    query = sql.SQL("SELECT ({})::{kind} = {}::{kind}").format(
        sql.SQL(expression), sql.Literal(column.default), kind=sql.SQL(kind)
    )
    assert conn.execute(query).fetchone() == (True,)
