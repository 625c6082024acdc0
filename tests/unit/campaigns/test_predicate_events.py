"""did(), in_segment(), got_campaign(), everybody(): what they compile to, and what a slip of the pen is told."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketflow.campaigns.audience import About, AudienceRefused, compile_predicate, tables_read
from marketflow.campaigns.audience.predicate import columns_read, parts_of, says_everybody

COLUMNS = ["customer_id", "segment", "orders", "revenue", "country", "email_consent"]
DAY = dt.date(2017, 12, 31)
KNOWN = {
    "segment": ["champions", "at_risk", "lost"],
    "campaign": ["win_back", "thank_you"],
    "event": ["page", "wishlist_shared"],
    "category": ["WINE", "BEER, ALE & MALT"],
    "department": ["GROCERY"],
    "brand": ["Private"],
    "product": ["0012345"],
}


def unknown(kind: str, word: str) -> Sequence[str] | None:
    return None if word.lower() in [w.lower() for w in KNOWN[kind]] else KNOWN[kind]


ABOUT = About(day=DAY, time_zone=ZoneInfo("America/New_York"), unknown=unknown)


def sql_of(text: str) -> str:
    return compile_predicate(text, COLUMNS, ABOUT).as_string(None)


IT_IS = "AS d WHERE d.customer_id = customer_360.customer_id AND"
WINE = 'IN (SELECT p.product_id FROM marts.products AS p WHERE lower("p"."category") = lower(\'WINE\'))'


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("did('order')", f"EXISTS (SELECT FROM marts.customer_days {IT_IS} d.ordered_on <= '2017-12-31'::date)"),
        (
            "DID('Order', DAYS => 30)",
            f"EXISTS (SELECT FROM marts.customer_days {IT_IS} d.ordered_on <= '2017-12-31'::date AND d.ordered_on >= '2017-12-02'::date)",
        ),
        (
            "not did('order', days => 1)",
            f"(NOT EXISTS (SELECT FROM marts.customer_days {IT_IS} d.ordered_on <= '2017-12-31'::date AND d.ordered_on >= '2017-12-31'::date))",
        ),
        (
            "did('order', at_least => 2, days => 30)",
            ("EXISTS (SELECT FROM (SELECT d.customer_id FROM marts.customer_days AS d WHERE d.ordered_on <= '2017-12-31'::date AND"
            " d.ordered_on >= '2017-12-02'::date GROUP BY d.customer_id HAVING sum(d.orders) >= 2) AS d"
            " WHERE d.customer_id = customer_360.customer_id)"),
        ),
        (
            "did('order', category => 'WINE')",
            (
                "EXISTS (SELECT FROM (SELECT o.customer_id, o.ordered_on, unnest(o.product_ids) AS product_id FROM marts.customer_days AS o"
                f" WHERE o.ordered_on <= '2017-12-31'::date) {IT_IS} d.product_id {WINE})"
            ),
        ),
        (
            "did('add_to_cart', category => 'WINE', days => 7)",
            (f"EXISTS (SELECT FROM marts.customer_events {IT_IS} d.occurred_on <= '2017-12-31'::date AND d.occurred_on >= '2017-12-25'::date AND"
            f" d.event_type IN ('product_added', 'add_to_cart', 'added_to_cart', 'cart_add') AND d.product_id {WINE})"),
        ),
        (
            "did('wishlist_shared')",
            f"EXISTS (SELECT FROM marts.customer_events {IT_IS} d.occurred_on <= '2017-12-31'::date AND d.event_type IN ('wishlist_shared'))",
        ),
        ("in_segment('at_risk')", "(\"segment\" IS NOT NULL AND \"segment\" = 'at_risk')"),
        (
            "in_segment('at_risk', days => 30)",
            (
                "EXISTS (SELECT FROM (SELECT h.customer_id FROM marts.segment_memberships AS h WHERE h.segment = 'at_risk'"
                " AND h.entered_on <= '2017-12-31'::date AND (h.left_on IS NULL OR h.left_on > '2017-12-02'::date)"
                " UNION ALL SELECT n.customer_id FROM marts.customer_360 AS n WHERE n.segment = 'at_risk') AS d"
                " WHERE d.customer_id = customer_360.customer_id)"
            ),
        ),
        (
            "got_campaign('win_back', days => 30)",
            (f"EXISTS (SELECT FROM marts.campaign_sends {IT_IS} d.state = 'sent' AND d.purpose <> 'post' AND d.campaign = 'win_back' AND"
            " d.sent_at >= '2017-12-02T00:00:00-05:00'::timestamptz)"),
        ),
        ("got_campaign()", f"EXISTS (SELECT FROM marts.campaign_sends {IT_IS} d.state = 'sent' AND d.purpose <> 'post')"),
        ("everybody()", "(true)"),
        ("true", "true"),
        ("everybody() and orders > 1", '(true AND ("orders" > 1))'),
        ("orders > 1 and (everybody() and revenue > 1)", '(true AND ("orders" > 1) AND ("revenue" > 1))'),
    ],
)  # fmt: skip
def test_what_predicates_compile_to(text: str, sql: str) -> None:
    assert sql_of(text) == sql


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # unknown function, event, argument, segment, campaign, category: each with the nearest
        ("dit('order')", r"the function 'dit' is not allowed in a condition; did you mean 'did'\?"),
        ("in_segmnt('lost')", r"did you mean 'in_segment'\?"),
        ("did('wishlist_shard')", r"there is no event 'wishlist_shard'; did you mean 'wishlist_shared'\?"),
        ("did('order', day => 30)", r"did\(...\) has no argument 'day'; did you mean 'days'\?"),
        ("in_segment('lost', at_least => 3)", r"in_segment\(...\) has no argument 'at_least'"),
        ("in_segment('at_rsk')", r"there is no segment 'at_rsk'; did you mean 'at_risk'\?"),
        ("segment = 'at_rsk'", r"there is no segment 'at_rsk'; did you mean 'at_risk'\?"),
        ("'at_rsk' <> segment", r"there is no segment 'at_rsk'"),
        ("segment in ('lost', 'at_rsk')", r"there is no segment 'at_rsk'"),
        ("(segment) <> 'at_rsk'", r"there is no segment 'at_rsk'"),
        ("segment <> ('at_rsk')", r"there is no segment 'at_rsk'"),
        ("((segment)) in (('lost'), (('at_rsk')))", r"there is no segment 'at_rsk'"),
        ("coalesce(segment, 'none') <> 'at_rsk'", r"there is no segment 'at_rsk'"),
        ("coalesce(null, segment) <> 'at_rsk'", r"there is no segment 'at_rsk'"),
        ("'at_rsk' = lower(upper((segment)))", r"there is no segment 'at_rsk'; did you mean 'at_risk'\?"),
        ("lower(coalesce(segment, 'none')) not in ('none', 'at_rsk')", r"there is no segment 'at_rsk'"),
        ("segment <> lower('AT_RSK')", r"there is no segment 'at_rsk'"),
        ("not segment like 'at_rsk'", r"there is no segment 'at_rsk'; did you mean 'at_risk'\?"),
        ("lower(segment) like 'chmp%'", r"there is no segment 'chmp%'"),
        ("segment like 'at\\_r_'", r"there is no segment"),
        ("segment like '" + "%_" * 999 + "'", r"there is no segment"),
        ("got_campaign('win_bak')", r"there is no campaign 'win_bak'; did you mean 'win_back'\?"),
        ("did('order', category => 'WINES')", r"there is no category 'WINES'; did you mean 'WINE'\?"),
        ("did('order', product => '7')", r"there is no product '7'; there are 0012345"),
        # bounds
        ("did('order', days => -1)", "days must be a whole number from 1 to 3660"),
        ("did('order', days => 0)", "days must be a whole number from 1 to 3660"),
        ("did('order', days => 3661)", "days must be a whole number from 1 to 3660"),
        ("did('order', days => 99999999999999999999)", "days must be a whole number from 1 to 3660"),
        ("did('order', days => 1.5)", "days must be a whole number"),
        ("did('order', days => '30')", "days must be a whole number"),
        ("did('order', days => ٣)", "days must be a whole number|cannot be read|is not allowed"),
        ("did('order', days => orders)", "days must be a whole number"),
        ("did('order', at_least => 0)", "at_least must be a whole number from 1 to 1000"),
        ("did('order', at_least => 1001)", "at_least must be a whole number from 1 to 1000"),
        ("did('order', days => 30, days => 60)", "has days twice"),
        ("did('order', category => 1)", "category must be a 'text'"),
        ("did('order', category => '')", "category must be a 'text'"),
        (f"did('order', category => '{'x' * 201}')", "at most 200 characters"),
        # shapes
        ("did()", "takes exactly one 'name'"),
        ("did('order', 'page')", "takes exactly one 'name'"),
        ("did(days => 30)", "takes exactly one 'name'"),
        ("did(days => 30, 'order')", "the 'name' comes first"),
        ("did(orders)", "takes a 'name'"),
        ("did(*)", "takes a 'name'|cannot be read"),
        ("did(order)", "takes a 'name'|cannot be read"),
        ("did('order', 30)", "takes a 'name'"),
        ("did('order', days = 30)", "takes a 'name'"),
        ("did('order', days := 30)", "takes a 'name'"),
        ("did(distinct 'order')", "takes a 'name'"),
        ("did('order' order by 1)", "takes a 'name'"),
        ("did(e'order')", "takes a 'name'"),
        ("did((select 'order'))", "takes a 'name'"),
        ("did(did('order'))", "takes a 'name'"),
        ("did('order') over ()", "is not allowed"),
        ("did('order') filter (where true)", "is not allowed"),
        ("marts.did('order')", "is not allowed"),
        ("everybody('x')", "everybody"),
        ("orders > 1 or everybody()", "everybody\\(\\) stands alone"),
        ("not everybody()", "everybody\\(\\) stands alone"),
        (" or ".join(["did('order')"] * 21), "at most 20"),
        # the same for everybody
        ("1 = 1", "says nothing about a customer"),
        ("false", "says nothing about a customer"),
        ("(true)", "says nothing about a customer"),
        ("orders > 3 or 1 = 1", "says nothing about a customer"),
        ("not (segment = 'lost' and not ('a' = 'a'))", "says nothing about a customer"),
        # look-alikes: Cyrillic letters, a full-width bracket, a word processor's quotes
        ("sеgment = 'lost'", "no column 's.gment'; did you mean 'segment'"),  # noqa: RUF001
        ("dіd('order')", "did you mean 'did'"),  # noqa: RUF001
        ("did（'order'）", "cannot be read|is not allowed|no column"),  # noqa: RUF001
        ("segment = ‘lost’", "no quote here|no column"),  # noqa: RUF001
        ("did('order'\0)", "zero byte"),
    ],
)  # fmt: skip
def test_what_predicates_refuse(text: str, said: str) -> None:
    with pytest.raises(AudienceRefused, match=said):
        sql_of(text)


def test_what_is_said_of_a_condition_without_running_it() -> None:
    rule = "segment = 'lost' and (orders > 2 and not did('order', days => 30)) and (did('page') or country = 'US')"
    assert parts_of(rule) == [
        "segment = 'lost'",
        "orders > 2",
        "NOT did('order', days => 30)",
        "did('page') OR country = 'US'",
    ]
    assert [sql_of(part) for part in parts_of(rule)]  # each is a condition of its own
    assert sorted(columns_read(rule)) == ["country", "orders", "segment"]
    assert columns_read("in_segment('lost')") == ["segment"]
    assert tables_read(rule) == ("core.events", "marts.customer_days")
    assert tables_read("in_segment('lost')") == ()
    assert [says_everybody(t) for t in ("everybody()", "true", "everybody() and orders > 1", "orders >= 0")] == [
        True,
        True,
        True,
        False,
    ]


def words_of(made: str) -> set[str]:
    """What stands outside of literals."""
    return set(re.findall(r"[^\W\d]\w*", re.sub(r"E?'(?:[^']|'')*'", "''", made)))


EVERY_PART = (
    "did('order') and did('order', at_least => 2, category => 'WINE', department => 'GROCERY', brand => 'Private', product => '0012345')",
    "did('order', at_least => 2) or did('page', at_least => 2) or did('page', category => 'WINE') or email_consent = true",
    "in_segment('lost', days => 3) and got_campaign('win_back', days => 3) and not (segment in ('lost') and country like 'x')",
    "lower(coalesce(country, upper('x'))) = 'x' and orders between 1 and 2 and email_consent is not null and email_consent = false",
)
OURS = set().union(COLUMNS, {"date"}, *(words_of(sql_of(text)) for text in EVERY_PART))
TOKENS = st.sampled_from(
    [
        *COLUMNS, "did(", "in_segment(", "got_campaign(", "everybody()", "'order'", "'page'", "'lost'", "'win_back'", "'WINE'", "days", "at_least", "category",
        "=>", "30", "2", ",", ")", "(", "and", "or", "not", "=", "<", "in", "select", "pg_sleep(", "evil", "--", ";", "/*", '"evil"', "$$", "\\",
    ]
)  # fmt: skip


@given(st.lists(TOKENS, max_size=16).map(" ".join))
def test_no_word_of_the_marketer_s_stands_outside_of_quotes(text: str) -> None:
    try:
        made = sql_of(text)
    except AudienceRefused:
        return
    assert words_of(made) <= OURS


WORD = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(WORD)
def test_a_word_in_a_predicate_stays_a_literal(word: str) -> None:
    """Whatever the word, it stands in the statement once, quoted, or not at all."""
    quoted = "'" + word.replace("'", "''") + "'"
    made = compile_predicate(f"did('order', category => {quoted})", COLUMNS, About(day=DAY)).as_string(None)
    empty = compile_predicate("did('order', category => 'x')", COLUMNS, About(day=DAY)).as_string(None)
    head, tail = empty.split("'x'")
    literal = made.removeprefix(head).removesuffix(tail).strip()
    assert made.startswith(head)
    assert made.endswith(tail)
    inner = re.fullmatch(r"(?:E)?'((?:[^']|'')*)'", literal, re.DOTALL)
    assert inner
    assert inner[1].replace("''", "'").replace("\\\\", "\\") == word


@pytest.mark.parametrize(
    "text",
    [
        "coalesce(segment, 'none') <> 'none'",
        "coalesce(lower(segment), 'none') in ('none', 'lost')",
        "upper(segment) = 'AT_RISK'",
        "(segment) in ('lost', 'at_risk')",
        "segment like 'at_risk'",
        "segment like 'at\\_risk'",
        "segment like '" + "%_" * 8 + "' and segment like '" + "%" * 500 + "'",
        "segment like 'champ%'",
        "not segment like '%s_'",
        "coalesce(segment, country) <> 'US'",
        "segment like country",
        "segment = country",
        "coalesce(segment, 'none') like 'n%'",
        "segment between 'a' and 'c'",
        "segment >= 'b'",
        "lower(country) = 'at_rsk'",
    ],
)
def test_a_segment_may_be_named_in_all_these_ways(text: str) -> None:
    assert sql_of(text)


def test_where_no_segments_are_known_yet_any_may_be_named() -> None:
    about = About(day=DAY)
    for text in ("(segment) = 'x'", "segment like 'x%'", "lower(segment) = 'x'"):
        assert compile_predicate(text, COLUMNS, about)
