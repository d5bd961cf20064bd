"""A batch within a transaction: what it did is known row by row, and nothing is left of it without a commit."""

from typing import Any

from dragoman import ANONYMOUS
from dragoman.connectors.sql.guard.writes import WriteGuard
from dragoman.connectors.sql.writes.batch import Batch
from tests.connectors.sql.writes.shops import Shop


async def test_rows_are_known_before_and_after(shop: Shop) -> None:
    before = shop.content()
    sql = shop.sql()
    assert sql.writes is not None
    guard = WriteGuard(sql.gate.dialect, sql.gate.limits, sql.settings, "shop_describe")
    view = await sql.gate.view(ANONYMOUS)
    statements = ("UPDATE pair SET v = 3 WHERE a = 1", "DELETE FROM pair WHERE b = 'y'")
    changes = [guard.check(statement, view, frozenset()) for statement in statements]
    batch = Batch(sql.gate, guard, sql.writes.writer, ANONYMOUS, 10)
    async with sql.writes.writer.transaction(5) as transaction:
        first, second = await batch.run(transaction, changes, {}, view, [None, None], sampled=True)
    await sql.close()

    def last(image: Any) -> float | None:
        return None if image is None or image[-1] is None else float(image[-1])

    assert sorted((last(row.before), last(row.after)) for row in first.rows) == [(0.1, 3), (1.5, 3)]
    assert [(last(row.before), row.after) for row in second.rows] == [(3, None)], "it sees what was done before it"
    assert [row[-1] for row in first.sample.after] == [3, 3]
    assert len(first.seals()) == 2
    assert shop.content() == before
