"""Several senders are tasks side by side, when the installation wants them."""

from __future__ import annotations

import pytest

from marketflow.orchestration import delivery
from marketflow.shared import Settings


@pytest.mark.parametrize(
    ("channel", "senders", "is_mapped"), [("email", 1, False), ("email", 3, True), ("x", 3, False)]
)
def test_so_many_senders_as_are_set(
    monkeypatch: pytest.MonkeyPatch, channel: str, senders: int, *, is_mapped: bool
) -> None:
    monkeypatch.setattr(delivery, "settings", lambda: Settings(delivery_senders=senders))
    found = delivery.define_delivery(channel, doc="").get_task("deliver")
    assert found.is_mapped == is_mapped
    if is_mapped:
        assert found.op_kwargs_expand_input.value == {"sender": list(range(senders))}
