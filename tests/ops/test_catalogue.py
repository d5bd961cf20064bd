"""The catalogue: each field becomes one row, with the key that a file would have."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from dragoman import Bytes
from dragoman.ops.catalogue import Setting, settings_in


class Inner(Struct, frozen=True, kw_only=True):
    kind: Annotated[Literal["a", "b"], Meta(description="which")] = "a"


class Mask(Struct, frozen=True, kw_only=True):
    sql: Annotated[str, Meta(description="an expression")]


class Table(Struct, frozen=True, kw_only=True):
    mask: Annotated[dict[str, Literal["null"] | Mask], Meta(description="masks")] = {}


class Section(Struct, frozen=True, kw_only=True):
    path: Annotated[Path, Meta(description="where")]
    size: Annotated[Bytes, Meta(description="how large")] = 1000
    names: Annotated[tuple[str, ...], Meta(description="names")] = ("x", "y")
    made: Annotated[list[int], Meta(description="made")] = field(default_factory=lambda: [1])
    none: Annotated[int | None, Meta(description="perhaps")] = None
    inner: Annotated[Inner, Meta(description="more")] = Inner()
    tables: Annotated[dict[str, Table], Meta(description="tables")] = {}


SIZE = "a size such as '64KiB' or '1MB', or a number of bytes"


def test_every_field_is_a_row() -> None:
    assert list(settings_in(Section)) == [
        Setting("path", "a path in quotes", "required", "where"),
        Setting("size", SIZE, "1000", "how large"),
        Setting("names", "a list", '["x","y"]', "names"),
        Setting("made", "a list", "[1]", "made"),
        Setting("none", "a whole number", "", "perhaps"),
        Setting("inner.kind", "one of 'a', 'b'", '"a"', "which"),
        Setting("tables", "a table", "", "tables"),
        Setting("tables.TABLE.mask", "a table", "", "masks"),
        Setting("tables.TABLE.mask.COLUMN.sql", "text in quotes", "required", "an expression"),
    ]
