"""The pages' own safety: the shop's name is text, and the browser is told to run and load nothing but our style."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from starlette.responses import HTMLResponse

from marketflow.edge import pages

BRAND = '<img src=x onerror="alert(1)"> & Söhne'
ALL = [
    pages.ask(BRAND),
    pages.done(BRAND),
    pages.unknown(BRAND),
    pages.later(BRAND),
    pages.expired(BRAND),
    pages.refused(BRAND, 413),
]


@pytest.mark.parametrize("page", ALL)
def test_the_brand_is_text(page: HTMLResponse) -> None:
    html = bytes(page.body).decode()
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; Söhne" in html
    assert "<img" not in html


@pytest.mark.parametrize("page", ALL)
def test_the_policy_allows_the_one_style_that_the_page_has(page: HTMLResponse) -> None:
    [style] = re.findall(r"<style>(.*?)</style>", bytes(page.body).decode(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
    assert " style=" not in bytes(page.body).decode()


def test_only_the_first_page_has_a_form_and_it_says_one_click() -> None:
    forms = [bytes(p.body).decode().count("<form") for p in ALL]
    assert forms == [1, 0, 0, 0, 0, 0]
    assert 'name="List-Unsubscribe" value="One-Click"' in bytes(ALL[0].body).decode()
    assert [p.status_code for p in ALL] == [200, 200, 404, 503, 410, 413]
