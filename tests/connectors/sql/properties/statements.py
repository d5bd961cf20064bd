"""Random statements over the shop of `shops`: all that SELECT is made of, and what fails on some values.

A statement is made of one number. Columns are typed, `n` for numbers and `t` for texts, so that strict databases run
most of them; a few are wrong on purpose, name what is denied, or guess at hidden values.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from tests.connectors.sql.properties.shops import COLUMNS, guesses

Columns = list[tuple[str, str]]
AWARE = 0.9
"""How many of the statements keep to what there is."""


@dataclass
class Flavour:
    """What differs between databases.

    Args:
        quote: what names are quoted with.
        text: the type that numbers become texts by.
        integer: the type that texts become numbers by.
        join: how texts are joined.
        fails: expressions that fail, or not, by the number {n} or the text {t}.
        whole: whether a whole row has a value.
        full: whether INTERSECT and EXCEPT mix with UNION.
        is_steady: whether the same error is met first whatever else is in the tables.
    """

    quote: str
    text: str
    integer: str
    join: str
    fails: tuple[str, ...]
    whole: tuple[str, ...] = ()
    full: bool = True
    is_steady: bool = False


@dataclass
class Scope:
    """What columns may be named: by qualifier, their names and types."""

    sources: list[tuple[str, Columns]] = field(default_factory=list)
    outer: "Scope | None" = None


class Statement:
    """One random statement.

    Args:
        number: what it is made of.
        flavour: of the database.
        denied: tables and columns of customers that the policy denies; few statements name them.
    """

    def __init__(self, number: int, flavour: Flavour, denied: Collection[str] = ()) -> None:
        self.chance = random.Random(number)
        self.flavour = flavour
        self.tables = COLUMNS
        if self.chance.random() < AWARE:
            self.tables = {
                table: [column for column in columns if table != "Customer" or column[0] not in denied]
                for table, columns in COLUMNS.items()
                if table not in denied
            }
        self.names = 0
        self.commons: list[tuple[str, Columns]] = []
        self.budget = 14
        self.text = self._query(2, [], top=True)[0]

    def _query(
        self, depth: int, types: list[str], *, top: bool = False, outer: Scope | None = None
    ) -> tuple[str, Columns]:
        """Return a query and its columns; `types` asks for columns of these types."""
        before = len(self.commons)
        prefix = ""
        if depth and self._one_in(4):
            prefix = self._with(depth)
        text, columns = self._core(depth, types, outer)
        if depth and self._one_in(6):
            kind = self._of("UNION", "UNION ALL", "UNION ALL", *(("INTERSECT", "EXCEPT") if self.flavour.full else ()))
            other, _ = self._core(depth - 1, [kind for _, kind in columns], outer)
            text = f"{text} {kind} {other}"
        if top and self._one_in(3):
            text += f" ORDER BY {', '.join(str(place) for place in range(1, len(columns) + 1))}"
        del self.commons[before:]
        return prefix + text, columns

    def _with(self, depth: int) -> str:
        parts = []
        for _ in range(self.chance.randint(1, 2)):
            # A name of a table, now and then: it must not stand for the table, nor uncover it.
            name = self._of("Customer", "customer", "Invoice", "Employee") if self._one_in(3) else self._new()
            if any(name.lower() == known.lower() for known, _ in self.commons):
                continue
            query, columns = self._query(depth - 1, [])
            parts.append(f"{name} AS ({query})")
            self.commons.append((name, columns))
        return f"WITH {', '.join(parts)} " if parts else ""

    def _core(self, depth: int, types: list[str], outer: Scope | None) -> tuple[str, Columns]:
        scope = Scope(outer=outer)
        source = self._sources(depth, scope)
        where = f" WHERE {self._condition(scope, depth)}" if self._one_in(2) else ""
        if not types and self._one_in(8):
            columns = [column for _, columns in scope.sources for column in columns]
            if len({name.lower() for name, _ in columns}) == len(columns):
                return f"SELECT * FROM {source}{where}", columns
        if not types and self.flavour.whole and self._one_in(15):
            row = self._of(*self.flavour.whole).format(row=scope.sources[0][0])
            return f"SELECT {row} AS whole FROM {source}{where}", [("whole", "t")]
        kinds = types or [self._of("n", "t") for _ in range(self.chance.randint(1, 3))]
        if self._one_in(4):
            return self._grouped(scope, source, where, kinds, depth)
        distinct = "DISTINCT " if self._one_in(8) else ""
        items, columns = [], []
        for kind in kinds:
            name = self._new()
            value = self._window(scope, kind) if not distinct and self._one_in(8) else self._value(scope, kind, depth)
            items.append(f"{value} AS {name}")
            columns.append((name, kind))
        return f"SELECT {distinct}{', '.join(items)} FROM {source}{where}", columns

    def _grouped(self, scope: Scope, source: str, where: str, kinds: list[str], depth: int) -> tuple[str, Columns]:
        items, columns = [], []
        key = self._column(scope, self._of("n", "t")) if self._one_in(2) else None
        for kind in kinds:
            inner = self._value(scope, kind, 0)
            called = self._of("sum", "avg", "min", "max", "count") if kind == "n" else self._of("min", "max")
            name = self._new()
            items.append(f"{called}({'DISTINCT ' if called == 'count' and self._one_in(2) else ''}{inner}) AS {name}")
            columns.append((name, kind))
        having = f" HAVING count(*) > {self.chance.randint(0, 2)}" if self._one_in(3) else ""
        group = f" GROUP BY {key}" if key else ""
        return f"SELECT {', '.join(items)} FROM {source}{where}{group}{having}", columns

    def _sources(self, depth: int, scope: Scope) -> str:
        text = self._source(depth, scope)
        if self._one_in(3):
            left = scope.sources[-1]
            kind = self._of("JOIN", "LEFT JOIN", "CROSS JOIN", ",", "NATURAL JOIN", "USING")
            right = self._source(max(0, depth - 1), scope)
            common = {name.lower() for name, _ in left[1]} & {name.lower() for name, _ in scope.sources[-1][1]}
            if kind in ("CROSS JOIN", ","):
                text += f"{'' if kind == ',' else ' '}{kind} {right}"
            elif kind == "NATURAL JOIN" or (kind == "USING" and not common):
                text += f" NATURAL JOIN {right}"
            elif kind == "USING":
                text += f" JOIN {right} USING ({self._of(*sorted(common))})"
            else:
                text += f" {kind} {right} ON {self._condition(scope, 0)}"
        return text

    def _source(self, depth: int, scope: Scope) -> str:
        if depth and self._one_in(4):
            alias = self._new()
            query, columns = self._query(depth - 1, [])
            scope.sources.append((alias, columns))
            return f"({query}) AS {alias}"
        if self.commons and self._one_in(2):
            name, columns = self._of(*self.commons)
            alias = self._new()
            scope.sources.append((alias, columns))
            return f"{name} {alias}"
        table = self._of("Customer", "Customer", *self.tables)
        shadowing = next((columns for name, columns in self.commons if name.lower() == table.lower()), None)
        alias = self._new()
        scope.sources.append((alias, shadowing or self.tables[table]))
        return f"{self._name(table)} {self._of('', 'AS ')}{alias}"

    def _column(self, scope: Scope, kind: str) -> str:
        where = scope.outer if scope.outer is not None and self._one_in(3) else scope
        found = [(alias, name) for alias, columns in where.sources for name, each in columns if each == kind]
        if not found:
            return self._literal(kind)
        alias, name = self._of(*found)
        return f"{alias}.{self._name(name)}"

    def _value(self, scope: Scope, kind: str, depth: int) -> str:
        self.budget -= 1
        if self.budget < 0 or self._one_in(2):
            return self._column(scope, kind)
        choice = self.chance.randint(0, 9)
        if choice == 0:
            return self._literal(kind)
        if choice == 1:
            condition, value = self._condition(scope, 0), self._value(scope, kind, 0)
            return f"CASE WHEN {condition} THEN {value} ELSE {self._literal(kind)} END"
        if choice == 2:
            return f"coalesce({self._value(scope, kind, 0)}, {self._value(scope, kind, 0)})"
        if choice == 3 and depth:
            query, ((name, _),) = self._core(0, [kind], scope)
            return f"(SELECT {self._of('min', 'max')}(x.{name}) FROM ({query}) AS x)"
        return self._number(scope, choice) if kind == "n" else self._words(scope, choice)

    def _number(self, scope: Scope, choice: int) -> str:
        if choice in (4, 5):
            return self._failing(scope)
        if choice == 6:
            return f"length({self._column(scope, 't')})"
        return f"({self._column(scope, 'n')} {self._of('+', '-', '*')} {self._value(scope, 'n', 0)})"

    def _words(self, scope: Scope, choice: int) -> str:
        if choice in (4, 5):
            return f"{self._of('upper', 'lower', 'trim')}({self._value(scope, 't', 0)})"
        if choice == 6:
            return f"CAST({self._column(scope, 'n')} AS {self.flavour.text})"
        if choice == 7:
            return f"substr({self._column(scope, 't')}, {self.chance.randint(1, 4)}, {self.chance.randint(1, 9)})"
        return self.flavour.join.format(self._column(scope, "t"), self._value(scope, "t", 0))

    def _failing(self, scope: Scope) -> str:
        """Return an expression that fails on some values."""
        number, text = self._column(scope, "n"), self._column(scope, "t")
        return "(" + str(self._of(*self.flavour.fails)).format(n=number, t=text) + ")"

    def _condition(self, scope: Scope, depth: int) -> str:
        self.budget -= 1
        choice = self.chance.randint(0, 11) if self.budget > 0 else 0
        kind = self._of("n", "t")
        column = self._column(scope, kind)
        if choice <= 2:
            return (
                f"{column} {self._of('=', '<>', '<', '>=')} {self._of(self._literal(kind), self._column(scope, kind))}"
            )
        if choice == 3:
            return f"{self._column(scope, 't')} LIKE {self._of(*self._patterns())}"
        if choice == 4:
            return f"{column} IS {self._of('', 'NOT ')}NULL"
        if choice == 5:
            return f"({self._condition(scope, 0)} {self._of('AND', 'OR')} {self._condition(scope, 0)})"
        if choice == 6:
            return f"NOT ({self._condition(scope, 0)})"
        if choice == 7 and depth:
            query, _ = self._query(0, [kind], outer=scope)
            return f"{column} IN ({query})"
        if choice == 8 and depth:
            query, _ = self._query(0, [], outer=scope)
            return f"{self._of('', 'NOT ')}EXISTS ({query})"
        if choice == 9:
            return f"{column} BETWEEN {self._literal(kind)} AND {self._literal(kind)}"
        return f"{self._failing(scope)} {self._of('=', '>', '<>')} {self._literal('n')}"

    def _window(self, scope: Scope, kind: str) -> str:
        every = [f"{alias}.{self._name(name)}" for alias, columns in scope.sources for name, _ in columns]
        order = f"ORDER BY {', '.join(every)}"
        part = f"PARTITION BY {self._column(scope, self._of('n', 't'))} " if self._one_in(2) else ""
        if kind == "n" and self._one_in(2):
            return f"{self._of('row_number', 'rank')}() OVER ({part}{order})"
        return f"{self._of('min', 'max', 'lag', 'first_value')}({self._column(scope, kind)}) OVER ({part}{order})"

    def _literal(self, kind: str) -> str:
        if kind == "n":
            return str(self._of(0, 1, 2, 5, 7, 12, -3, *(guess for guess in guesses() if isinstance(guess, int))))
        texts = ("Canada", "USA", "", "a", "M", "***", *(guess for guess in guesses() if isinstance(guess, str)))
        return f"'{self._of(*texts)}'"

    def _patterns(self) -> list[str]:
        return ["'%a%'", "'_%@%'", "'zq%'", "'%zq7%'", "'***'", "'M%'"]

    def _name(self, name: str) -> str:
        quote = self.flavour.quote
        written: str = self._of(name, name.lower(), f"{quote}{name.lower()}{quote}")
        return written

    def _new(self) -> str:
        self.names += 1
        return f"v{self.names}"

    def _one_in(self, number: int) -> bool:
        return self.chance.randrange(number) == 0

    def _of(self, *choices: Any) -> Any:
        return choices[self.chance.randrange(len(choices))]
