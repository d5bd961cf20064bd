"""The shop's rules as numbers: what the data obeys and the handbook says.

A number that a handbook page states stands here as well, and a test compares the two. Money is in cents.
"""

from datetime import date
from typing import Final

SEED: Final = 1701

FIRST_DAY: Final = date(2024, 1, 2)
LAST_DAY: Final = date(2026, 10, 31)
"""The data ends here: what is younger has not happened yet."""

PRICE_ROUND: Final = date(2025, 3, 1)
"""Prices went up on this day; orders before it keep what was charged."""
PRICE_BEFORE_PERCENT: Final = 95

RETURN_DAYS: Final = 30
SEALED_CATEGORY: Final = "Tea and coffee"
"""Not taken back once opened, unless something is wrong with it."""

SHIPPING: Final = {
    # method: price, free from, working days from and to
    "standard": (490, 6000, 2, 5),
    "express": (1290, None, 1, 2),
    "worldwide": (1800, 15000, 6, 12),
}

TIERS: Final = (("gold", 150000, 10), ("silver", 50000, 5), ("bronze", 0, 0))
"""Tier, what a customer has spent before, discount in percent; the first that fits."""

REFUND_LIMITS: Final = {
    "Customer service agent": 5000,
    "Senior customer service agent": 15000,
    "Customer service lead": 50000,
    "Head of operations": 500000,
}

COUNT_MONTHS: Final = (3, 6, 9, 12)
LARGEST_UNSIGNED_DIFFERENCE: Final = 2
"""Units; a larger difference at a stock taking needs a second signature."""

REORDER_LEVELS: Final = ((2500, 25), (8000, 12), (10**9, 5))
"""Price below which it applies, and the level; the first that fits."""

MOST_PER_LINE: Final = 12


def discount_percent(spent_cents: int) -> int:
    """The discount of a customer who has spent this much before."""
    return next(percent for _, threshold, percent in TIERS if spent_cents >= threshold)


def tier(spent_cents: int) -> str:
    """The tier of a customer who has spent this much."""
    return next(name for name, threshold, _ in TIERS if spent_cents >= threshold)


def shipping_cents(method: str, goods_cents: int) -> int:
    """What shipping costs for goods of this worth."""
    price, free_from, _, _ = SHIPPING[method]
    return 0 if free_from is not None and goods_cents >= free_from else price
