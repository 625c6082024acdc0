"""Chance that comes out the same each time: numbers made of a name, as of a message or a customer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from decimal import Decimal
from statistics import NormalDist

_BITS = 53  # what a float holds
_LEAST = Decimal("0.01")


def draw(*name: str) -> float:
    """A number from 0 up to, and without, 1: even over names, and the same each time for one."""
    digest = hashlib.blake2b("\x1f".join(name).encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> (64 - _BITS)) * 2.0**-_BITS


def choose(shares: Mapping[str, float], *name: str) -> str:
    """One of the keys, each with its share; the shares make 1."""
    left = draw(*name)
    for key, share in shares.items():
        left -= share
        if left < 0:
            return key
    return list(shares)[-1]


def amount(median: float, spread: float, most: float, *name: str) -> Decimal:
    """Money by a log-normal distribution, which has a heavy tail: most baskets are small, and a few make the revenue.

    `spread`: the standard deviation of its logarithm; nobody pays more than `most`.
    """
    normal = NormalDist().inv_cdf(min(max(draw(*name), 1e-9), 1 - 1e-9))
    return max(Decimal(str(round(min(median * math.exp(spread * normal), most), 2))), _LEAST)
