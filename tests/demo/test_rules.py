"""The rules, and that the handbook says the same numbers."""

import re
from pathlib import Path

import pytest

from dragoman.demo import rules

HANDBOOK = Path(rules.__file__).with_name("handbook")


def page(name: str) -> str:
    """A page, on one line."""
    return " ".join((HANDBOOK / name).read_text(encoding="utf-8").split())


def euros(cents: int) -> str:
    return f"€{cents / 100:,.2f}"


@pytest.mark.parametrize(("spent", "tier", "percent"), [(0, "bronze", 0), (49999, "bronze", 0), (50000, "silver", 5)])
def test_tiers(spent: int, tier: str, percent: int) -> None:
    assert (rules.tier(spent), rules.discount_percent(spent)) == (tier, percent)
    assert rules.discount_percent(150000) == 10


def test_shipping_is_free_from_a_price_on() -> None:
    assert rules.shipping_cents("standard", 5999) == 490
    assert rules.shipping_cents("standard", 6000) == 0
    assert rules.shipping_cents("express", 999999) == 1290


def test_the_handbook_says_the_refund_limits() -> None:
    for role, limit in rules.REFUND_LIMITS.items():
        assert f"| {role} | {euros(limit)} |" in page("customers/refunds.md")


def test_the_handbook_says_how_long_returns_are_taken() -> None:
    assert f"**{rules.RETURN_DAYS} days of delivery**" in page("customers/returns.md")
    assert f"**{rules.SEALED_CATEGORY}** cannot come back" in page("customers/returns.md")


def test_the_handbook_says_what_shipping_costs() -> None:
    for method, (price, free_from, fastest, slowest) in rules.SHIPPING.items():
        free = "never" if free_from is None else euros(free_from)
        row = rf"\| {method} \| [\w ]+ \| {euros(price)} \| {free} \| {fastest} to {slowest} \|"
        assert re.search(row, page("warehouse/shipping.md"))


def test_the_handbook_says_the_tiers() -> None:
    for name, threshold, percent in rules.TIERS:
        assert f"| {name} | from €{threshold // 100:,} | {percent} % |" in page("shop/prices.md")
    assert "1 March 2025" in page("shop/prices.md")
    assert rules.PRICE_ROUND.isoformat() == "2025-03-01"
    assert f"about {100 - rules.PRICE_BEFORE_PERCENT} % lower" in page("shop/prices.md")


def test_the_handbook_says_how_we_count() -> None:
    assert rules.COUNT_MONTHS == (3, 6, 9, 12)
    assert "last working day of March, June, September and December" in page("warehouse/stock-taking.md")
    assert f"more than {rules.LARGEST_UNSIGNED_DIFFERENCE} units" in page("warehouse/stock-taking.md")


def test_the_handbook_says_when_to_order() -> None:
    cheap, middle, dear = rules.REORDER_LEVELS
    text = page("warehouse/purchasing.md")
    assert f"| below {euros(cheap[0])} | {cheap[1]} units | | below {euros(middle[0])} | {middle[1]} units |" in text
    assert f"| {euros(middle[0])} and more | {dear[1]} units |" in text
    assert f"More than {rules.MOST_PER_LINE} of one article" in page("warehouse/packing.md")


def test_the_handbook_says_when_the_data_ends() -> None:
    assert (rules.FIRST_DAY.isoformat(), rules.LAST_DAY.isoformat()) == ("2024-01-02", "2026-10-31")
    assert "from 2 January 2024 to **31 October 2026**" in page("shop/database.md")


def test_the_handbook_is_a_book() -> None:
    pages = list(HANDBOOK.rglob("*.md"))
    assert len(pages) >= 12
    for one in pages:
        text = one.read_text(encoding="utf-8")
        assert text.startswith("# ")
        assert len(text.split()) > 120, one
