"""`dragoman.toml`: the file is read, its references are resolved, and what cannot work is said with its line.

The file is the one source: what it holds becomes the settings tree of `ops.settings`, or one sentence that begins
with `file:line: key:`.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from dragoman.auth.quota import Quota
from dragoman.errors import SettingsError, UsageError
from dragoman.ops.places import line_of, lines_of_keys
from dragoman.ops.references import References
from dragoman.ops.settings import (
    CONNECTOR_NAME,
    CONNECTOR_TYPES,
    ConnectorSettings,
    Settings,
    section_types,
    settings_of,
)
from dragoman.settings import key_of, read_settings, unknown_key

DEFAULT_FILE: Final = "dragoman.toml"
_LARGEST: Final = 4 * 2**20
_PLACE: Final = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


class Config(Struct, frozen=True):
    """A configuration as read.

    Args:
        file: as it was named.
        settings: what it says.
        lines: the line of each key.
    """

    file: str
    settings: Settings
    lines: dict[tuple[str | int, ...], int]

    @contextmanager
    def placed(self, *path: str | int) -> Iterator[None]:
        """Give complaints about a part of the file their place in it.

        Args:
            path: the part, such as "connectors", "shop".

        Raises:
            UsageError: what is raised within, with file, line and key.
        """
        try:
            yield
        except SettingsError as error:
            raise _placed(self.file, self.lines, error, path) from error.__cause__
        except UsageError as error:
            key = key_of(path)
            raise UsageError(f"{self.file}:{line_of(self.lines, path)}: {key}: {_ended(str(error))}") from error


def load(file: str | Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read a configuration.

    Args:
        file: its path; what it names by relative paths is sought in its folder.
        environment: the variables there are; those of this process by default.

    Raises:
        UsageError: it cannot be read or cannot work; says the file, the line, the key and what to do.
    """
    shown = str(file)
    text = _text_of(Path(file), shown)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(_no_toml(error, text, shown)) from None
    except RecursionError:
        raise UsageError(f"{shown}: its values are nested too deep") from None
    lines = lines_of_keys(text)
    references = References(Path(file).absolute().parent, os.environ if environment is None else environment)
    try:
        return Config(shown, _read(data, references), lines)
    except SettingsError as error:
        raise _placed(shown, lines, error) from error.__cause__


def _text_of(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"'{shown}' cannot be read: {error.strerror or error}.") from error
    if len(data) > _LARGEST:
        raise UsageError(f"'{shown}' is larger than {_LARGEST // 2**20} MiB, which no configuration is.")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{shown}:{line}: this is no UTF-8; save the file in that encoding.") from None


def _read(data: Mapping[str, Any], references: References) -> Settings:
    types = section_types()
    known = [*types, "connectors"]
    for name, table in data.items():
        if name not in known:
            raise SettingsError(unknown_key(name, known, "section"), key_of([name]), (name,))
        if not isinstance(table, Mapping):
            raise SettingsError(f"is a section; write [{name}]", name, (name,))
    read = {name: _section(data[name], kind, (name,), references) for name, kind in types.items() if name in data}
    connectors = {
        name: _connector(name, table, references) for name, table in data.get("connectors", {}).items()
    }  # fmt: skip
    folded: dict[str, str] = {}
    for name in connectors:
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            raise SettingsError(
                f"'{other}' and '{name}' differ in case only", key_of(("connectors", name)), ("connectors", name)
            )
    return Settings(**read, connectors=connectors)


def _connector(name: str, table: Any, references: References) -> ConnectorSettings:
    path = ("connectors", name)
    if not isinstance(table, Mapping):
        raise SettingsError(f"is a section; write [connectors.{name}]", key_of(path), path)
    if not CONNECTOR_NAME.fullmatch(name):
        problem = "a connector's name begins with a letter, then come letters, digits, _ and -, at most 48"
        raise SettingsError(problem, key_of(path), path)
    rest = dict(table)
    limits = rest.pop("limits", None)
    kind = rest.pop("type", None)
    if kind is None:
        raise SettingsError(f"has no type; write type = one of {_types()}", key_of(path), path)
    path_of_type = (*path, "type")
    if not isinstance(kind, str):
        raise SettingsError(f"expected one of {_types()}", key_of(path_of_type), path_of_type)
    if kind not in CONNECTOR_TYPES:
        raise SettingsError(unknown_key(kind, CONNECTOR_TYPES, "type of connector"), key_of(path_of_type), path_of_type)
    quota = None if limits is None else _quota(limits, (*path, "limits"), references)
    return ConnectorSettings(type=kind, settings=_section(rest, settings_of(kind), path, references), limits=quota)


def _quota(table: Any, path: tuple[str | int, ...], references: References) -> Quota:
    if not isinstance(table, Mapping):
        raise SettingsError("is a table, such as { calls_per_minute = 60 }", key_of(path), path)
    quota: Quota = _section(table, Quota, path, references)
    return quota


def _types() -> str:
    return ", ".join(f"'{kind}'" for kind in CONNECTOR_TYPES)


def _section(table: Mapping[str, Any], type: Any, path: tuple[str | int, ...], references: References) -> Any:  # noqa: A002
    try:
        return read_settings(table, type, key_of(path), text=references)
    except SettingsError as error:
        raise SettingsError(error.problem, error.key, (*path, *error.path)) from error.__cause__


def _placed(
    file: str, lines: Mapping[tuple[str | int, ...], int], error: SettingsError, prefix: tuple[str | int, ...] = ()
) -> UsageError:
    path = (*prefix, *error.path)
    return SettingsError(_ended(error.problem), f"{file}:{line_of(lines, path)}: {key_of(path)}", path)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."


def _no_toml(error: tomllib.TOMLDecodeError, text: str, shown: str) -> str:
    """What tomllib says, with the place where it belongs."""
    found = _PLACE.fullmatch(str(error))
    if found is None:
        return f"{shown}: {error}."
    line = int(found[2]) if found[2] else text.rstrip().count("\n") + 1
    return f"{shown}:{line}: this is no TOML: {found[1][:1].lower()}{found[1][1:]}."
