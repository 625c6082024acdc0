"""The generated pages say everything that contracts and transforms say, and their picture can be read."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from conftest import ROOT
from marketflow.catalogue import all_tables, stale_documents, write_documents
from marketflow.catalogue.contracts import contracts_page
from marketflow.catalogue.page import catalogue_page
from marketflow.catalogue.picture import picture
from marketflow.catalogue.schema import read_schema
from marketflow.catalogue.tables import Table
from marketflow.sources import CONTRACTS, Contract


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_column_and_rule_of_a_contract_is_in_its_section(contract: Contract) -> None:
    section = contracts_page().split(f"\n## {contract.record}\n")[1].split("\n## ")[0]
    assert f"Version {contract.version}" in section
    for column in contract.columns:
        (row,) = [line for line in section.splitlines() if line.startswith(f"| `{column.name}` |")]
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 6
        assert cells[5] == column.description
        assert (cells[2] == "yes") == column.required
        assert cells[3] == (f"`{column.default}`" if column.default is not None else "")
        assert ("personal" in cells[1]) == bool(column.personal)
        assert all(f"`{word}`" in cells[4] for word in column.allowed)
    for rule in contract.rules:
        assert rule.reason in section
    assert all(f"(catalogue.html#{table})" in section for table in {contract.table, contract.stored_in})


@pytest.fixture(scope="module")
def tables() -> list[Table]:
    return all_tables(ROOT)


def test_every_link_leads_somewhere(tables: list[Table]) -> None:
    page = catalogue_page(tables)
    ids = set(re.findall(r' id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= ids
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)  # self-contained


def test_downstream_is_upstream_the_other_way(tables: list[Table]) -> None:
    named = {t.name: t for t in tables}
    for table in tables:
        for name in table.downstream:
            assert table.name in named[name].upstream


def test_boxes_of_the_picture_do_not_overlap_and_lie_within_it(tables: list[Table]) -> None:
    drawn = picture(tables)
    assert len(drawn.boxes) > 20
    for a, b in itertools.combinations(drawn.boxes, 2):
        apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
        assert apart, f"{a.table.name} lies on {b.table.name}"
    for box in drawn.boxes:
        assert 0 <= box.x <= drawn.width - box.width
        assert 0 <= box.y <= drawn.height - box.height
        ground = [s for s in drawn.stages if s.name == box.table.schema]
        assert any(s.x < box.x and box.x + box.width < s.x + s.width and s.y < box.y < s.y + s.height for s in ground)


def test_arrows_go_from_left_to_right(tables: list[Table]) -> None:
    drawn = picture(tables)
    at = {box.table.name: box.x for box in drawn.boxes}
    assert len(drawn.arrows) > 30
    assert [(a.source, a.target) for a in drawn.arrows if at[a.source] >= at[a.target]] == []


def test_a_view_that_nothing_is_made_of_is_not_drawn(tables: list[Table]) -> None:
    views = {t.name: bool(t.downstream) for t in tables if t.is_view}
    ends = [
        "customer_events", "segment_memberships", "campaign_sends", "campaign_members", "experiment_results",
        "journey_draws", "journey_steps", "click_results", "message_activity",
    ]  # fmt: skip
    used = {"core.order_lines", "core.all_orders"}
    assert views == {"raw.order_lines": False, **dict.fromkeys(used, True), **{f"marts.{name}": False for name in ends}}
    drawn = {box.table.name for box in picture(tables).boxes}
    assert drawn & set(views) == used


def test_the_same_tables_give_the_same_page(tables: list[Table]) -> None:
    assert catalogue_page(tables) == catalogue_page(all_tables(ROOT))


SCHEMA = """
CREATE TABLE core.things (
    number bigint NOT NULL,
    kind text DEFAULT 'a, b'::text NOT NULL,
    price numeric(14,2),
    tags text[],
    at timestamp with time zone NOT NULL,
    "position" integer,
    CONSTRAINT things_kind_check CHECK ((kind <> ''::text))
)
PARTITION BY RANGE (at);

CREATE TABLE core.things_rest (
    number bigint NOT NULL
);

ALTER TABLE ONLY core.things ATTACH PARTITION core.things_rest DEFAULT;

ALTER TABLE ONLY core.things
    ADD CONSTRAINT things_pkey PRIMARY KEY (number, at);

CREATE VIEW core.seen AS
 SELECT t.number
   FROM core.things t;

-- VIEW core.seen (
--     number bigint,
--     price numeric(14,2)
-- );
"""
MIGRATION = """
COMMENT ON TABLE core.things IS 'The tests'' things';
COMMENT ON COLUMN core.things.kind IS
'Old words';
COMMENT ON COLUMN core.things.kind IS 'What it is';
COMMENT ON VIEW core.seen IS 'Things that were seen';
COMMENT ON COLUMN core.seen.price IS 'What it costs';
"""


def test_a_schema_is_read_with_types_keys_and_comments(tmp_path: Path) -> None:
    (tmp_path / "sql/migrations").mkdir(parents=True)
    (tmp_path / "sql/schema.sql").write_text(SCHEMA)
    (tmp_path / "sql/migrations/0001_x.sql").write_text(MIGRATION)
    shapes = read_schema(tmp_path)
    assert list(shapes) == ["core.things", "core.seen"]
    things = shapes["core.things"]
    assert things.types == {
        "number": "bigint", "kind": "text", "price": "numeric(14, 2)", "tags": "text[]", "at": "timestamptz",
        "position": "integer",
    }  # fmt: skip
    assert things.nullable == {"price", "tags", "position"}
    assert things.key == ("number", "at")
    assert things.comment == "The tests' things"
    assert things.comments == {"kind": "What it is"}
    seen = shapes["core.seen"]
    assert (seen.is_view, things.is_view) == (True, False)
    assert seen.types == {"number": "bigint", "price": "numeric(14, 2)"}
    assert (seen.comment, seen.comments) == ("Things that were seen", {"price": "What it costs"})


def test_documents_are_written_when_they_differ(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "sql").symlink_to(ROOT / "sql")
    assert [p.name for p in stale_documents(tmp_path)] == ["contracts.md", "catalogue.html"]
    write_documents(tmp_path)
    assert stale_documents(tmp_path) == []
    (tmp_path / "docs/contracts.md").write_text("somebody edited it")
    assert [p.name for p in write_documents(tmp_path)] == ["contracts.md"]
