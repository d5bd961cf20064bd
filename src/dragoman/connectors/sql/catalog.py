"""What a database holds: its relations and their columns, found by name as the dialect compares names.

Pure data. Relations that belong to an engine or to another relation (SQLite's shadow tables) are named only
in `hidden`: they are neither listed nor described nor readable.
"""

import difflib
import itertools
import string
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

UNREADABLE = "it refers to what is missing, or needs a part of the engine that is not here"
LONGEST_NAME = 128
MOST_NAMES = 2000
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold(name: str) -> str:
    """Return a name as SQLite compares it: ASCII letters have no case, other letters do."""
    return name.translate(_LOWER)


class Column(Struct, frozen=True):
    """One column: its declared type, and its place in the primary key, from 1, or 0."""

    name: str
    type: str
    nullable: bool
    default: str | None
    key: int
    comment: str = ""


RelationKind = Literal["table", "view", "virtual", "materialized", "foreign", "partition"]


class Relation(Struct, frozen=True):
    """One relation; one that is not `readable` refers to what is missing.

    Args:
        name: as the database writes it.
        kind: `partition` is a partition or an inheritance child, whose table is `parent`.
        columns: in their order.
        readable: whether a query over it can run.
        schema: where it is, as the database writes it; empty where there is only one.
        parent: of a partition, the relation it is part of.
        comment: what its owner says of it.
        rows: how many rows the database's statistics expect, when it keeps any.
    """

    name: str
    kind: RelationKind
    columns: tuple[Column, ...]
    readable: bool = True
    schema: str = ""
    parent: str = ""
    comment: str = ""
    rows: int | None = None


class ForeignKey(Struct, frozen=True):
    """Columns that refer to columns of another table; `references` is empty for that table's primary key."""

    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...]


class Index(Struct, frozen=True):
    """One index; an expression in it is shown as `(expression)`."""

    name: str
    columns: tuple[str, ...]
    unique: bool


class Count(Struct, frozen=True):
    """A number of rows: exact, or about right, or not known within the time given (`rows` is None)."""

    rows: int | None
    exact: bool


class Details(Struct, frozen=True):
    """What an engine adds to a relation."""

    foreign_keys: tuple[ForeignKey, ...]
    indexes: tuple[Index, ...]
    count: Count


class Catalog(Struct, frozen=True):
    """The relations of one version of a database's schema.

    Args:
        version: changes whenever the schema does.
        relations: what may be read, by folded name, in the order of their names.
        hidden: folded names of what is in the schema but not served.
    """

    version: str
    relations: dict[str, Relation]
    hidden: frozenset[str]

    def find(self, name: str) -> Relation | None:
        """Return the relation of this name, or None."""
        return self.relations.get(fold(name))

    def nearest_relations(self, name: str) -> list[str]:
        """Return the names of relations that look most like this one, best first, at most three."""
        return nearest(name, (relation.name for relation in self.relations.values()))


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that look most like this one, best first, at most three.

    The cost is bounded: a longer name than 128 characters is like nothing, and 2,000 names are looked at.
    """
    if len(name) > LONGEST_NAME:
        return []
    by_fold = {fold(candidate): candidate for candidate in itertools.islice(known, MOST_NAMES)}
    close = difflib.get_close_matches(fold(name), by_fold, n=3, cutoff=0.6)
    return [by_fold[candidate] for candidate in close]
