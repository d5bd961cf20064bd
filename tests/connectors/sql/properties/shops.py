"""Two shops that differ only in what a policy hides, and one where nothing is left to hide.

What a mask or a filter hides in the first shop is a canary, or a trap: a value with which some expression fails. In the
second it is harmless, and there may be fewer hidden rows. What a policy leaves to be seen of a value (its first
character, the domain of an e-mail, whether it is NULL) is the same in both, so that every statement must have the same
answer, which is an error in both or in none. Values under a hash are the same in both.
"""

import random
from collections.abc import Iterator
from typing import Any

Row = tuple[Any, ...]

# By table: name and type of each column, `n` for numbers and `t` for texts.
COLUMNS: dict[str, list[tuple[str, str]]] = {
    "Customer": [
        ("id", "n"), ("name", "t"), ("country", "t"), ("email", "t"), ("phone", "t"), ("fax", "t"), ("age", "n"),
        ("salary", "n"), ("note", "t"),
    ],
    "Invoice": [("invoice", "n"), ("id", "n"), ("total", "n"), ("country", "t"), ("memo", "t")],
    "Employee": [("employee", "n"), ("boss", "n"), ("name", "t"), ("email", "t")],
}  # fmt: skip
TYPES = {"n": "integer", "t": "varchar(60)"}
TEXT, NUMBER = "zq7", 7_654_000
HARMLESS = ("12", "1")

# A filter that costs more than conditions of callers do, and indexes: without a fence, planners put off the filter.
COSTLY = (
    "country = 'Canada' OR upper(country) = 'CANADA' OR lower(country) = 'canada' OR trim(lower(country)) = 'canada'"
)
INDEXED = {"Customer": ("id", "age", "note", "email"), "Invoice": ("id", "invoice"), "Employee": ("employee",)}


def guesses() -> list[str | int]:
    """Return some of the hidden values of the first shop, for statements that guess."""
    return ["mzq7a2", "mzq7a2@x.org", "mzq7a9", f"{TEXT}a3", NUMBER + 3, NUMBER + 9, 105]


class Policy:
    """A random policy.

    Args:
        number: what it is made of.
        quote: what names are quoted with.
    """

    def __init__(self, number: int, quote: str) -> None:
        chance = random.Random(number)
        self.masks: dict[str, Any] = {}
        for column, kind in COLUMNS["Customer"]:
            if column in ("name", "email", "phone", "fax", "note", "salary") and chance.random() < 0.7:
                self.masks[column] = chance.choice(self._kinds(column, kind, quote))
        self.denied = [column for column in ("fax", "note") if column not in self.masks]
        self.hashed = {column for column, mask in self.masks.items() if mask == "hash"}
        self.filters = {
            "Customer": chance.choice(
                [None, "country = 'Canada'", "country = :principal.country", "age < 100", COSTLY]
            ),
            "Invoice": chance.choice([None, "country = 'Canada'", "total < 60000"]),
        }
        self.is_employee_denied = chance.random() < 0.3

    @staticmethod
    def _kinds(column: str, kind: str, quote: str) -> list[Any]:
        if kind == "n":
            return ["null", {"constant": 4}, {"sql": f"CASE WHEN {quote}{column}{quote} IS NULL THEN 0 ELSE 1 END"}]
        return [
            "null",
            "partial",
            "hash",
            {"constant": "somewhere"},
            {"sql": f"CASE WHEN {quote}{column}{quote} IS NULL THEN 'none' ELSE 'some' END"},
        ]

    @property
    def all_denied(self) -> frozenset[str]:
        """Tables and columns that are not there for callers."""
        return frozenset([*self.denied, *(["Employee"] if self.is_employee_denied else [])])

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a connector."""
        customer: dict[str, Any] = {"mask": self.masks, "deny_columns": self.denied}
        if self.filters["Customer"]:
            customer["rows"] = self.filters["Customer"]
        tables = {"Customer": customer}
        if self.filters["Invoice"]:
            tables["Invoice"] = {"rows": self.filters["Invoice"]}
        return {"tables": tables, "deny": ["Employee"] if self.is_employee_denied else []}


def rows_of(letter: str, policy: Policy, *, fewer: bool) -> dict[str, list[Row]]:
    """Return the rows of a shop by table.

    Args:
        letter: `a` or `b`: which shop.
        policy: what it is hidden by; what it shows is the same in both shops.
        fewer: whether the second shop has fewer hidden rows.
    """
    chance = random.Random(letter)
    fewer = fewer and letter == "b"
    customers = [
        _customer(number, letter, policy, chance)
        for number in range(12)
        if not (fewer and policy.filters["Customer"] and number in (3, 5, 7, 9))
    ]
    invoices = [
        _invoice(number, letter, policy, chance)
        for number in range(16)
        if not (fewer and policy.filters["Invoice"] and number in (3, 6, 9))
    ]
    employees: list[Row] = [(1, None, "Ann", "ann@shop.org"), (2, 1, "Bob", None), (3, 1, "Cid", "cid@shop.org")]
    if policy.is_employee_denied:
        employees = [(n, boss, f"{TEXT}{letter}{n}", email) for n, boss, _, email in employees]
    return {"Customer": customers, "Invoice": invoices, "Employee": employees}


def _customer(number: int, letter: str, policy: Policy, chance: random.Random) -> Row:
    hidden = bool(policy.filters["Customer"]) and number % 2 == 1
    if hidden:
        return _hidden_customer(number, letter, policy, chance)

    def text(column: str, shown: str | None, end: str = "") -> str | None:
        mask = policy.masks.get(column)
        if shown is None or (mask is None and column not in policy.denied):
            return shown
        if mask == "hash":
            return f"m{TEXT}{number}{end}"
        if letter == "a" or mask == "partial":
            return f"m{TEXT}{letter}{number}{end}"
        return chance.choice(HARMLESS)

    salary: int | None = 100 * number if number % 4 else None
    if "salary" in policy.masks and salary is not None:
        salary = chance.choice([5, 6, NUMBER + number]) if letter == "a" else 1
    return (
        number,
        text("name", "Mia" if number % 3 else "5"),
        "USA" if number % 4 == 3 and not policy.filters["Customer"] else "Canada",
        text("email", "mia@x.org" if number % 5 else None, "@x.org"),
        text("phone", str(number)),
        text("fax", "12" if number % 2 else None),
        number * 7,
        salary,
        text("note", ["a", "12", '{"a": 1}'][number % 3]),
    )


def _hidden_customer(number: int, letter: str, policy: Policy, chance: random.Random) -> Row:
    by_age = policy.filters["Customer"] == "age < 100"
    if letter == "b":
        words = [chance.choice(HARMLESS) for _ in range(5)]
        return (1, words[0], "Canada" if by_age else "USA", *words[1:4], 101 if by_age else 1, 1, words[4])
    traps = [chance.choice([5, 6, None, NUMBER + number]) for _ in range(3)]
    words = [chance.choice([f"m{TEXT}a{number}", "{", ""]) for _ in range(5)]
    age = NUMBER + number if by_age else traps[0]
    return (traps[1], words[0], "Canada" if by_age else f"{TEXT}a", *words[1:4], age, traps[2], words[4])


def _invoice(number: int, letter: str, policy: Policy, chance: random.Random) -> Row:
    condition = policy.filters["Invoice"]
    if not condition or number % 3:
        return (number, number % 12, number * 5 if number % 5 else None, "Canada", f"memo {number % 4}")
    by_total = "total" in condition
    if letter == "b":
        return (1, 1, NUMBER if by_total else 1, "Canada" if by_total else "USA", chance.choice(HARMLESS))
    trap = chance.choice([5, 6, None, NUMBER + number])
    total = NUMBER + number if by_total else trap
    return (
        chance.choice([5, 6, NUMBER + number]),
        trap,
        total,
        "Canada" if by_total else f"{TEXT}a",
        f"{TEXT}a{number}",
    )


def literal(value: Any) -> str:
    """Return a value as a literal."""
    return "NULL" if value is None else str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def statements(tables: dict[str, list[Row]], columns: dict[str, list[tuple[str, str]]]) -> Iterator[str]:
    """Return the statements that make a shop.

    Args:
        tables: its rows.
        columns: names and types.
    """
    for table, rows in tables.items():
        listed = ", ".join(f"{name} {TYPES[kind]}" for name, kind in columns[table])
        yield f"CREATE TABLE {table} ({listed})"
        for row in rows:
            yield f"INSERT INTO {table} VALUES ({', '.join(map(literal, row))})"
        for name, _ in columns[table]:
            if name in INDEXED[table]:
                yield f"CREATE INDEX {table}_{name} ON {table} ({name})"
