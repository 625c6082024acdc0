"""The form of `settle_unknown` takes Message-IDs and nothing else: a line of a mail server's log holds an address."""

from __future__ import annotations

import runpy
import time
from typing import Any

import pytest

from conftest import ROOT

ID = "0123456789abcdef" * 2 + "@mail.example.com"
LINE = f"Nov 22 09:00:01 mx postfix/smtp[7]: 4F: to=<ada@example.com>, message-id=<{ID}>, status=sent"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found = runpy.run_path(str(ROOT / "dags" / "settle_unknown.py"))["settle_unknown"]()
    return dict(found.params.get_param("message_ids").schema)


@pytest.mark.parametrize("text", [None, "", " \n", ID, f"<{ID}>", f"{ID}\n<{ID}>\r\n{ID}\n", f"{ID}, {ID}; {ID}"])
def test_bare_message_ids_are_taken(schema: dict[str, Any], text: str | None) -> None:
    from jsonschema import validate

    validate(text, schema)


@pytest.mark.parametrize("text", [LINE, f"{ID}\n{LINE}", "ada@example.com", f"{ID} ada@example.com", f"ada{ID}", "4F"])
def test_anything_else_is_refused_before_there_is_a_run(schema: dict[str, Any], text: str) -> None:
    from jsonschema import ValidationError, validate

    with pytest.raises(ValidationError):
        validate(text, schema)


def test_a_long_text_is_judged_at_once(schema: dict[str, Any]) -> None:
    from jsonschema import ValidationError, validate

    began = time.process_time()
    for text in (f"{ID}\n" * 18_000, f"{ID},\n" * 18_000 + "!", "a" * 900_000, " " * 900_000 + "!"):
        try:
            validate(text, schema)
        except ValidationError as error:
            assert error.validator == "pattern"  # noqa: PT017  (some are right)
    assert time.process_time() - began < 2


def test_the_form_says_where_log_lines_go(schema: dict[str, Any]) -> None:
    assert "marketflow delivery arrived" in schema["description_md"]
