from datetime import date
from random import Random

from dragoman.demo.catalogue import DEPARTMENTS, products
from dragoman.demo.rules import SEALED_CATEGORY


def test_a_hundred_products_with_numbers_of_their_own() -> None:
    made = products(Random(1))
    assert len(made) > 100
    assert len({product.sku for product in made}) == len({product.name for product in made}) == len(made)
    assert [product.id for product in made] == list(range(1, len(made) + 1))


def test_prices_leave_something() -> None:
    for product in products(Random(1)):
        assert 0 < product.cost_cents < product.price_cents * 0.7
        assert product.weight_grams > 0


def test_prices_went_up_once() -> None:
    product = products(Random(1))[0]
    assert product.price_on(date(2025, 2, 28)) < product.price_on(date(2025, 3, 1)) == product.price_cents
    assert product.price_on(date(2025, 2, 28)) % 10 == 0


def test_some_come_and_some_go() -> None:
    made = products(Random(1701))
    assert any(not product.sold_on(date(2024, 1, 2)) for product in made)
    assert any(not product.sold_on(date(2026, 10, 31)) for product in made)


def test_the_sealed_category_exists() -> None:
    assert any(SEALED_CATEGORY in categories for categories in DEPARTMENTS.values())
