"""What people see before anybody gets a mail: samples of the approval in each language, faults, and the preview's page."""

# ruff: noqa: RUF001  (Chinese is written with Chinese commas)

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import psycopg
import pytest

from campaign_shop import DAY, KEYS, RING, Desk, People, add_customer, write_campaign
from marketflow.campaigns import Campaign, load_campaigns, preview
from marketflow.campaigns.definition import load_campaign
from marketflow.orchestration.approval import approval_text
from marketflow.shared import DefinitionError

YAML = """
name: letter
title: A letter
owner: marketing
channel: email
purpose: marketing
trigger: {on: manual}
audience: {where: "orders >= 1"}
approval: false
"""
CHINESE = {"subject.zh.txt": "{{ given_name }}，您好", "body.zh.txt": "退订 {{ unsubscribe_url }}"}


def speaks(desk: Desk, customer: int, locale: str) -> None:
    desk.conn.execute("UPDATE core.customers SET locale = %s WHERE customer_id = %s", [locale, customer])


def test_samples_are_of_each_language_that_somebody_reads(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    for name in ("Ada", "Bob", "Cid", "Dan"):
        add_customer(desk.conn, name)
    speaks(desk, add_customer(desk.conn, "王小明")[0], "zh-CN")
    plan = desk.plan(campaigns["win_back"])
    assert [(s["locale"], s["subject"], s["preheader"]) for s in plan.samples] == [
        ("en-US", "A…, we have missed you", "Come and see what is new"),
        ("en-US", "B…, we have missed you", "Come and see what is new"),
        ("zh-CN", "王…，好久不见，甚是想念", "欢迎回来看看店里的新变化"),
    ]
    assert "退订 <" in plan.samples[2]["text"]
    assert "王小明" not in json.dumps(plan.samples, ensure_ascii=False)


def test_the_approval_shows_counts_faults_preheader_and_text(desk: Desk, tmp_path: Path) -> None:
    add_customer(desk.conn, "Ada")
    folder = tmp_path / "letter"
    write_campaign(
        folder, yaml=YAML, subject="Hi {{ given_name }}", text="Text\n{{ unsubscribe_url }}",
        html='{{ preheader }}\n<img src="x.png">\n<a href="{{ unsubscribe_url }}">x</a>',
    )  # fmt: skip
    (folder / "preheader.txt").write_text("Before all")
    plan = desk.plan(load_campaign(folder))
    assert [w.split(":")[:2] for w in plan.warnings] == [["letter/body.html", "2"]] * 2
    shown = approval_text({f: getattr(plan, f) for f in ("planned", "audience", "refusals", "samples", "warnings")})
    assert "**1** of 1 people" in shown
    assert "* letter/body.html:2: <img> has no alt" in shown
    assert "* letter/body.html:2: the image 'x.png' is relative" in shown
    assert "> **Hi A…**\n>\n> *Before all*\n>\n> Text  \n" in shown


@pytest.mark.parametrize(("purpose", "state"), [("marketing", "refused"), ("transactional", "planned")])
def test_marketing_without_a_link_to_unsubscribe_is_not_planned(
    desk: Desk, tmp_path: Path, purpose: str, state: str
) -> None:
    add_customer(desk.conn, "Ada")
    yaml = YAML.replace("purpose: marketing", f"purpose: {purpose}")
    plan = desk.plan(write_campaign(tmp_path / "letter", yaml=yaml, subject="Hi", text="x {# unsubscribe_url #}"))
    said = "letter/body.txt: there is no link to unsubscribe in the text; use {{ unsubscribe_url }}"
    assert plan.state == state
    assert (plan.reason or plan.warnings[0]) == said
    assert (plan.refusals == {"template_wrong": 1}) == (state == "refused")


def test_all_languages_are_tried_before_the_ledger(desk: Desk, tmp_path: Path) -> None:
    add_customer(desk.conn, "Ada")
    write_campaign(tmp_path / "letter", yaml=YAML, subject="Hi", text="x")
    for name, text in (CHINESE | {"body.zh.txt": "{{ unsubscribe_url }}\n{{ given_nme }}"}).items():
        (tmp_path / "letter" / name).write_text(text)
    plan = desk.plan(load_campaign(tmp_path / "letter"))
    assert plan.state == "refused"
    assert (plan.reason or "").startswith("letter/body.zh.txt:2: there is no variable 'given_nme'")
    assert desk.ledger() == []


def test_the_page_shows_real_customers_and_no_name(desk: Desk, five: People, campaigns: dict[str, Campaign]) -> None:
    speaks(desk, five["Di"][0], "zh-CN")
    desk.conn.execute(
        "INSERT INTO marts.product_recommendations (customer_id, list, rank, product_id, product_name, score, reason, model_run_id)"
        " VALUES (%s, 'discover', 1, 5, 'x', 1, 'r', 1)",
        [five["Di"][0]],
    )
    made = preview(campaigns["win_back"], day=DAY, conn=desk.conn, keys=RING)
    assert made.customers == 3  # two read English, one Chinese, consent or not
    frames = [unescape(f) for f in re.findall(r'srcdoc="([^"]*)"', made.html)]
    assert len(frames) == 2 * (2 + 1 + 2)  # desktop and phone; for each language once for nobody
    assert sum("Product 5" in f and '<html lang="zh"' in f for f in frames) == 2
    assert "A…, we have missed you" in made.html
    assert not re.search(r"\b(Ada|Cyrus)\b|person\d+@", made.html)
    assert made.findings == []
    chinese = preview(campaigns["win_back"], day=DAY, conn=desk.conn, keys=RING, locale="zh-TW")
    assert (chinese.customers, "Come and see" in chinese.html) == (1, False)
    with pytest.raises(DefinitionError, match="no language for 'fr-FR'; known are en, zh"):
        preview(campaigns["win_back"], day=DAY, locale="fr-FR")


def test_posts_are_previewed_as_text(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    made = preview(campaigns["weekly_bestsellers"], day=DAY, conn=desk.conn, keys=RING)
    assert "Best sellers at" in made.html
    assert "<iframe" not in made.html


def marketflow(home: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "marketflow", *words],
        check=False, capture_output=True, text=True, env={**os.environ, "MARKETFLOW_HOME": str(home), **env},
    )  # fmt: skip


@pytest.mark.usefixtures("five")
def test_the_command_writes_the_page_with_customers_of_the_warehouse(
    desk: Desk, tmp_path: Path, warehouse_dsn: str
) -> None:
    desk.conn.commit()
    done = marketflow(tmp_path, "preview", "win_back", MARKETFLOW_WAREHOUSE_DSN=warehouse_dsn, MARKETFLOW_KEYS=KEYS)
    assert done.returncode == 0, done.stderr
    page = tmp_path / "preview/win_back/index.html"
    assert done.stdout.startswith(f"{page}: 2 customers, masked")
    assert "A…, we have missed you" in page.read_text()


def test_and_with_nobody_where_there_is_none(tmp_path: Path) -> None:
    done = marketflow(
        tmp_path, "preview", "win_back", "--locale", "zh", MARKETFLOW_WAREHOUSE_DSN="postgresql://127.0.0.1:1/none"
    )
    assert done.returncode == 0, done.stderr
    assert "index.html: stand-ins, no customers" in done.stdout
    assert "Alexandra，好久不见" in (tmp_path / "preview/win_back/index.html").read_text()
    wrong = marketflow(tmp_path, "preview", "win_bck")
    assert (wrong.returncode, wrong.stderr) == (
        1,
        "marketflow: there is no campaign 'win_bck'; did you mean 'win_back'?\n",
    )


def test_the_lint_of_the_shipped_campaigns_is_clean_and_a_fault_is_an_exit_code(tmp_path: Path) -> None:
    done = marketflow(tmp_path, "campaign", "lint")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, len(load_campaigns()))
    write_campaign(tmp_path / "root/include/campaigns/letter", yaml=YAML, subject="Hi", text="x {# unsubscribe_url #}")
    wrong = marketflow(tmp_path, "campaign", "lint", "letter", MARKETFLOW_ROOT=str(tmp_path / "root"))
    assert wrong.returncode == 1
    assert wrong.stdout == (
        "letter/body.txt: error: there is no link to unsubscribe in the text; use {{ unsubscribe_url }}\n"
    )


def test_nothing_is_written(desk: Desk, campaigns: dict[str, Campaign]) -> None:
    desk.conn.commit()
    desk.conn.execute("SET TRANSACTION READ ONLY")
    preview(campaigns["win_back"], day=DAY, conn=desk.conn, keys=RING)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        desk.conn.execute("DELETE FROM activation.plans")
    desk.conn.rollback()
