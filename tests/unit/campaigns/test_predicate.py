"""The audience's condition: what is allowed means what it says, everything else is refused with a word of help."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.campaigns.audience import About, AudienceRefused, compile_predicate

COLUMNS = ["customer_id", "segment", "orders", "revenue", "recency_days", "last_order_on", "country", "email_consent"]

OURS = re.compile(
    r"(?:[()\s,<>=+.-]|\d|AND|OR|NOT|IN|BETWEEN|LIKE|IS|null|true|false|lower|upper|coalesce|E|::date|\"(?:{})\")*".format(
        "|".join(COLUMNS)
    )
)


def sql_of(text: str) -> str:
    return compile_predicate(text, COLUMNS, About(day=dt.date(2017, 12, 31))).as_string(None)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("segment = 'at_risk'", "(\"segment\" = 'at_risk')"),
        ("Orders >= 3 AND revenue <> -1.5", '(("orders" >= 3) AND ("revenue" <> (- 1.5)))'),
        ("not segment in ('a', 'b') or orders between 1 and 2", "((NOT (\"segment\" IN ('a', 'b'))) OR (\"orders\" BETWEEN 1 AND 2))"),
        ("segment is not null and email_consent", '(("segment" IS NOT null) AND "email_consent")'),
        ("email_consent is true", '("email_consent" IS true)'),
        ("orders + 1 - recency_days < 4", '((("orders" + 1) - "recency_days") < 4)'),
        ("lower(coalesce(country, 'US')) = 'us'", "(lower(coalesce(\"country\", 'US')) = 'us')"),
        ("last_order_on < date '2017-12-31' - 30", "(\"last_order_on\" < ('2017-12-31'::date - 30))"),
        ("segment like 'at%'", "(\"segment\" LIKE 'at%')"),
        ("(orders = 1 or orders = 2) and segment = 'x'", "(( ((\"orders\" = 1) OR (\"orders\" = 2))) AND (\"segment\" = 'x'))"),
        ("segment = 'it''s; DROP TABLE x --'", "(\"segment\" = 'it''s; DROP TABLE x --')"),
        ("segment = 'back\\slash'", "(\"segment\" =  E'back\\\\slash')"),
    ],
)  # fmt: skip
def test_what_is_allowed(text: str, sql: str) -> None:
    assert sql_of(text) == sql


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("segment = 'a'; DROP TABLE core.customers", "exactly one condition"),
        ("", "exactly one condition"),
        ("DROP TABLE core.customers", "DROP is not allowed"),
        ("DELETE FROM activation.sends", "DELETE is not allowed"),
        ("segment = 'a' -- and more", "comments"),
        ("/* hidden */ segment = 'a'", "comments"),
        ("orders IN (SELECT 1)", "query inside a condition"),
        ("orders = (SELECT count(*) FROM core.customers)", "query inside a condition"),
        ("EXISTS (SELECT 1 FROM core.customers)", "query inside a condition"),
        ("segment = 'a' UNION SELECT 1", "query inside a condition"),
        ("pg_sleep(10) IS NULL", "the function 'pg_sleep' is not allowed"),
        ("pg_read_file('/etc/passwd') = 'x'", "the function 'pg_read_file' is not allowed"),
        ("set_config('role', 'none', false) = 'x'", "the function 'set_config' is not allowed"),
        ("query_to_xml('select 1', true, true, '') IS NOT NULL", "the function 'query_to_xml' is not allowed"),
        ("lo_import('/etc/passwd') > 0", "is not allowed"),
        ("segmnt = 'a'", "no column 'segmnt'; did you mean 'segment'?"),
        ("given_name = 'Ada'", "no column 'given_name'"),
        ('"Segment" = 1', "no column 'Segment'; did you mean 'segment'?"),
        ("core.customers.given_name = 'Ada'", "with db, table is not allowed"),
        ("marts.customer_360.segment = 'x'", "with db, table is not allowed"),
        ("orders * 1000000 > 1", "MUL is not allowed"),
        ("repeat('x', 1000000000) = segment", "REPEAT is not allowed"),
        ("segment ~ '(a+)+$'", "is not allowed"),
        ("orders::text = '1'", "only conversion allowed is a date"),
        ("date 'tomorrow' > last_order_on", "only conversion allowed is a date"),
        ("last_order_on > current_date", "is not allowed"),
        ("last_order_on > now()", "is not allowed"),
        ("orders = $1", "is not allowed"),
        ("orders = %(x)s", "is not allowed|cannot be read"),
        ("orders = ANY(ARRAY[1])", "is not allowed"),
        ("CASE WHEN orders > 1 THEN true END", "is not allowed"),
        ("orders IS DISTINCT FROM 1", "is not allowed"),
        ("orders = 1e308", "is not a number"),
        ("orders = 99999999999999999999", "is not a number"),
        ("segment = E'\\x41'", "is not allowed"),
        ("segment = $$a$$", "is not allowed"),
        ("customer_360 IS NULL", "no column 'customer_360'"),
        ("* = 1", "cannot be read|is not allowed"),
        ("segment = 'a", "cannot be read"),
        ("orders >", "cannot be read|lacks one side"),
        ("orders BETWEEN 1", "cannot be read|is not allowed"),
        ("(" * 3000 + "orders = 1" + ")" * 3000, "longer than|nested too deeply"),
        ("orders = 1" + " OR orders = 1" * 400, "longer than|nested too deeply"),
        ("(" * 900 + "true" + ")" * 900, "nested too deeply|cannot be read"),
        ("segment = 'a\0b'", "zero byte"),
        ("MERGE MERGE $ OR at time zone", "cannot be read"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(AudienceRefused, match=said):
        sql_of(text)


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from([*COLUMNS, "=", "(", ")", "'x'", "1", "and", "in", ",", "not", "select", "/", "::"])
    ).map(" ".join)
)
def test_any_text_is_compiled_or_refused(text: str) -> None:
    """Never another error; and what is compiled holds no part of the text but literals and known names."""
    try:
        made = sql_of(text)
    except AudienceRefused:
        return
    rest = re.sub(r"'(?:[^']|'')*'", "", made)
    assert OURS.fullmatch(rest), rest


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
def test_a_literal_stays_a_literal(value: str) -> None:
    quoted = "'" + value.replace("'", "''") + "'"
    tail = sql_of(f"segment = {quoted}").removeprefix('("segment" = ').removesuffix(")").strip()
    inner = tail.removeprefix("E").removeprefix("'").removesuffix("'")
    assert inner.replace("''", "'").replace("\\\\", "\\") == value
