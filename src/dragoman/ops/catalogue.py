"""Every setting as a row: key, what it takes, default, help. The reference page and a test read it.

The rows are the fields of the structs in `ops.settings` and of the connectors; nothing is written twice.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, get_args, get_origin

import msgspec
from msgspec import Struct, structs

from dragoman.settings import choices_of, description_of, expected, is_table

# What the names in a table of tables are called in a key, by the table's own name.
_NAMES: Final = {"connectors": "NAME", "tables": "TABLE", "tools": "TOOL", "parameters": "PARAMETER"}


class Setting(NamedTuple):
    """One setting.

    Args:
        key: the whole key within its section; names that users choose are in capitals.
        takes: what fits, in words.
        default: its value where it is left out, as TOML; empty where there is none, `required` where it must be given.
        help: what it does.
    """

    key: str
    takes: str
    default: str
    help: str


def settings_in(section: type[Struct], prefix: str = "") -> Iterator[Setting]:
    """Yield every setting of a struct and of the tables in it, in the order of the fields.

    Args:
        section: the struct.
        prefix: what stands before each key, such as `tables.TABLE`.
    """
    for field in structs.fields(section):
        key = f"{prefix}.{field.encode_name}" if prefix else field.encode_name
        inner, place = _table_within(field.type, key)
        if inner is not None and place == key and not field.required:
            yield from settings_in(inner, key)
            continue
        yield Setting(key, expected(field.type, field.encode_name), _default(field), description_of(field.type))
        if inner is not None:
            yield from settings_in(inner, place)


def _table_within(kind: Any, key: str) -> tuple[type[Struct] | None, str]:
    """The struct that a type is, or that its tables are, and where its settings stand."""
    for choice in choices_of(kind):
        if is_table(choice):
            return choice, key
        if get_origin(choice) in (dict, Mapping):
            name = _NAMES.get(key.rpartition(".")[2], "COLUMN" if key.endswith("mask") else "NAME")
            return _table_within(get_args(choice)[1], f"{key}.{name}")
    return None, key


def _default(field: structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if value is None or value is msgspec.UNSET or value in ("", (), {}) or isinstance(value, Struct):
        return ""
    return msgspec.json.encode(value).decode()
