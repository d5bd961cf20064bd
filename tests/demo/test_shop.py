import re
import sqlite3
from contextlib import closing
from pathlib import Path

from dragoman.demo import shop


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


def test_the_same_seed_makes_the_same_shop(shop_file: Path, tmp_path: Path) -> None:
    shop.write(tmp_path / "again.db")
    shop.write(tmp_path / "other.db", seed=5)
    assert content(tmp_path / "again.db") == content(shop_file)
    assert content(tmp_path / "other.db") != content(shop_file)


def test_it_is_a_shop_of_some_size(database: sqlite3.Connection) -> None:
    tables = "categories products employees customers orders order_lines returns stock_movements reviews".split()
    counts = {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
    assert counts["customers"] > 500
    assert counts["orders"] > 2000
    assert 10_000 < sum(counts.values()) < 30_000


def test_every_reference_leads_somewhere(database: sqlite3.Connection) -> None:
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_views_agree_with_the_tables(database: sqlite3.Connection) -> None:
    revenue = database.execute("SELECT sum(revenue) FROM monthly_revenue").fetchone()[0]
    total = database.execute("SELECT sum(total) FROM order_totals WHERE status <> 'cancelled'").fetchone()[0]
    assert abs(revenue - total) < 0.01
    for view in ("product_stock", "product_ratings"):
        assert database.execute(f"SELECT count(*) FROM {view}").fetchone()[0] > 100


def test_the_handbook_s_queries_run_and_its_tables_are_all(database: sqlite3.Connection) -> None:
    page = Path(shop.__file__).with_name("handbook") / "shop" / "database.md"
    text = page.read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    assert len(queries) == 2
    for query in queries:
        assert database.execute(query).fetchall()
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    there = {name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")}
    assert named == {name for name in there if not name.startswith("sqlite_")}


def test_the_handbook_names_columns_that_exist(database: sqlite3.Connection) -> None:
    pages = Path(shop.__file__).with_name("handbook").rglob("*.md")
    named = {pair for page in pages for pair in re.findall(r"`(\w+)\.(\w+)`", page.read_text(encoding="utf-8"))}
    assert len(named) > 10
    for table, column in named - {("shop", "db")}:
        columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
        assert column in columns, f"{table}.{column}"
