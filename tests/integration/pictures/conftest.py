"""The shop of the segments' tests."""

from __future__ import annotations

from integration.segments.conftest import shop

__all__ = ["shop"]
