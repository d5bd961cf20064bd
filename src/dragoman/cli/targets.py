r"""A target as typed: what kind of thing it is, where it is and what it is called. Opens nothing but a first look.

A word that exists as a path is that path, whatever characters it has; only then is it taken apart. A URL has a
scheme of two letters or more, so `C:\shop.db` is a path.
"""

import glob
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from dragoman.connectors.sql.engines.duckdb_files import KINDS as DATA_KINDS
from dragoman.connectors.sql.engines.duckdb_files import table_name
from dragoman.errors import UsageError
from dragoman.secrets import masked, register_url
from dragoman.server.suggest import nearest

Kind = Literal["configuration", "data", "database", "folder", "python"]

FILE_SCHEMES: Final = ("sqlite", "duckdb")
SERVER_SCHEMES: Final = ("postgresql", "postgres", "mysql", "mariadb")
OTHER_SCHEMES: Final = ("mssql", "oracle", "snowflake", "clickhouse", "clickhousedb", "redshift", "trino", "bigquery")
URL_SCHEMES: Final = (*FILE_SCHEMES, *SERVER_SCHEMES)
DATABASE_SUFFIXES: Final = (".db", ".sqlite", ".sqlite3")
DUCKDB_SUFFIXES: Final = (".duckdb", ".ddb")

_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_DUCKDB_MAGIC: Final = b"DUCK"
_DUCKDB_MAGIC_AT: Final = 8
_PARQUET_MAGIC: Final = b"PAR1"
_JSON_BEGINS: Final = (b"{", b"[")
_LOOKED_AT: Final = 512  # bytes of a file
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_PATTERN: Final = re.compile(r"[*?\[]")
_NAMED: Final = re.compile(r"([^=/\\:]*)=(.+)", re.DOTALL)
_PYTHON: Final = re.compile(r"(.+\.pyw?):(\w+)", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,47}")
_LONGEST: Final = 48
_FALLBACK: Final[dict[Kind, str]] = {
    "configuration": "dragoman",
    "data": "data",
    "database": "db",
    "folder": "files",
    "python": "server",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Something to serve.

    Args:
        word: as it was typed.
        kind: decides which module of `kinds` serves it.
        location: a path, or a URL.
        name: what its tools and URIs are called after.
        is_named: whether the name was given, not derived.
        attribute: the server's name in a Python file, or None for the only one there.
        files: of data files, each with the name of its table.
    """

    word: str
    kind: Kind
    location: str
    name: str
    is_named: bool = False
    attribute: str | None = None
    files: tuple[tuple[str, str], ...] = ()


def read_target(word: str) -> Target:
    """Understand a target.

    Raises:
        UsageError: there is no such thing, or it is nothing that can be served.
    """
    if not word or "\0" in word:
        raise UsageError("A target is empty; name a database file, a folder or a Python file.")
    given = None
    place = word
    if not _exists(word) and (named := _NAMED.fullmatch(word)):
        given, place = named.groups()
        if not _NAME.fullmatch(given):
            message = (
                f"Target '{word}': the name '{given}' cannot be used; begin with a letter, then letters, digits,"
                f" _ and -, at most {_LONGEST}."
            )
            raise UsageError(message)
    if url := _URL.fullmatch(place):
        kind, location, stem, attribute = *_read_url(place, *url.groups()), None
    else:
        kind, location, stem, attribute = _read_path(place)
    if given is not None and kind == "configuration":
        raise UsageError(f"Target '{word}': a configuration names its own connectors; write '{place}'.")
    name = given or name_from(stem, kind)
    files = ((given or table_name(Path(location)), location),) if kind == "data" else ()
    return Target(word, kind, location, name, is_named=given is not None, attribute=attribute, files=files)


def read_targets(words: Iterable[str]) -> list[Target]:
    """Understand targets that are served together; all data files become one.

    Raises:
        UsageError: see `read_target`; or two have one name, or are configurations.
    """
    targets = _with_data_as_one([read_target(word) for given in words for word in _expanded(given)])
    files = [target.word for target in targets if target.kind == "configuration"]
    if len(files) > 1:
        raise UsageError(f"'{files[0]}' and '{files[1]}' are two configurations; a server has one.")
    known: dict[str, Target] = {}
    for target in targets:
        if target.kind in ("python", "configuration"):  # what is in it has its own names
            continue
        other = known.setdefault(target.name.casefold(), target)
        if other is not target:
            place = target.word.partition("=")[2] if target.is_named else target.word
            message = (
                f"Two targets are called '{target.name}': '{other.word}' and '{target.word}'."
                f" Name one of them yourself, such as {target.name}2={place}"
            )
            raise UsageError(message)
    return targets


def _expanded(word: str) -> list[str]:
    """The data files that a pattern fits, for shells that leave it to us; any other word as it is."""
    if not _PATTERN.search(word) or "://" in word or "\0" in word or _exists(word):
        return [word]
    fitting = [each for each in sorted(glob.glob(word)) if Path(each).suffix.lower() in DATA_KINDS]  # noqa: PTH207
    return fitting or [word]


def _with_data_as_one(targets: list[Target]) -> list[Target]:
    """Put all data files into the first of them: a database whose tables they are, called after their folder.

    Raises:
        UsageError: two of them make the same table.
    """
    data = [target for target in targets if target.kind == "data"]
    if len(data) < 2:  # noqa: PLR2004 (one is one already)
        return targets
    tables: dict[str, Target] = {}
    for target in data:
        table = target.files[0][0]
        other = tables.setdefault(table.casefold(), target)
        if other is not target:
            raise UsageError(
                f"'{other.word}' and '{target.word}' would both be the table '{table}'; name one of them yourself, such"
                f" as {table}2={target.location}"
            )
    folders = {Path(target.location).resolve().parent for target in data}
    common = folders.pop() if len(folders) == 1 else None
    name = name_from("" if common is None or common == Path.cwd() else common.name, "data")
    word = f"{data[0].word} and {len(data) - 1} more"
    files = tuple(target.files[0] for target in data)
    together = replace(data[0], word=word, name=name, is_named=False, files=files)
    return [together if target is data[0] else target for target in targets if target is data[0] or target not in data]


def name_from(stem: str, kind: Kind) -> str:
    """A name for tools and URIs, from the name of a file or folder.

    Accents are dropped, other foreign characters become one `_`; what is left of nothing is named after its kind.

    Args:
        stem: a file's name without its last suffix, or a folder's name.
        kind: what it is.
    """
    plain = unicodedata.normalize("NFKD", stem)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_-")
    if not name:
        return _FALLBACK[kind]
    if not name[0].isalpha():
        name = f"{_FALLBACK[kind]}_{name}"
    return name[:_LONGEST].rstrip("_-")


def _read_url(url: str, scheme: str, rest: str) -> tuple[Kind, str, str]:
    if scheme.lower() in (*SERVER_SCHEMES, *OTHER_SCHEMES) or "+" in scheme:  # a driver: SQLAlchemy's business
        return "database", url, _name_in(url)
    if scheme.lower() not in FILE_SCHEMES:
        served = ", ".join(f"{name}://" for name in URL_SCHEMES)
        if scheme.lower() in ("http", "https"):
            message = (
                f"'{url}' is a server's address: use it with list, call, read or prompt. What can be served by URL:"
                f" {served}"
            )
            raise UsageError(message)
        near = nearest(scheme, URL_SCHEMES)
        hint = f" Did you mean {near}://?" if near else ""
        raise UsageError(f"'{scheme}://' cannot be served yet; the URLs served now begin with {served}.{hint}")
    path = rest.removeprefix("/")  # taken as it is: no options, nothing percent-encoded
    if not path or path == rest:
        raise UsageError(f"'{url}' names no file; write {scheme}:///shop.db, or {scheme}:////srv/shop.db.")
    if not Path(path).is_file():
        raise UsageError(_missing(path, url))
    (_check_duckdb if scheme.lower() == "duckdb" else _check_database)(Path(path), url)
    return "database", url, Path(path).stem


def _name_in(url: str) -> str:
    """The database that a server's URL names, or the server; its password is masked from now on."""
    register_url(url)
    try:
        parts = urlsplit(url)
        name = parts.path.strip("/").rpartition("/")[2] or parts.hostname
    except ValueError:
        name = None
    if not name:
        raise UsageError(f"'{masked(url)}' names no database; write postgresql://user@host/shop.")
    return unquote(name)


def _read_path(place: str) -> tuple[Kind, str, str, str | None]:
    attribute = None
    if not _exists(place) and (python := _PYTHON.fullmatch(place)):
        place, attribute = python.groups()
    path = Path(place).expanduser()
    if not _exists(str(path)):
        raise UsageError(_missing(str(path), place))
    if path.is_dir():
        return "folder", str(path), path.resolve().name, None
    if not path.is_file():
        raise UsageError(f"'{place}' is neither a file nor a folder.")
    if path.suffix.lower() in (".py", ".pyw"):
        return "python", str(path), path.stem, attribute
    if path.suffix.lower() == ".toml":
        return "configuration", str(path), path.stem, None
    if path.suffix.lower() in DATA_KINDS:
        _check_data(path, place, DATA_KINDS[path.suffix.lower()])
        return "data", str(path), path.stem, None
    if path.suffix.lower() in DUCKDB_SUFFIXES:
        _check_duckdb(path, place)
        return "database", str(path), path.stem, None
    if path.suffix.lower() in DATABASE_SUFFIXES or _first_bytes(path, place).startswith(_SQLITE_MAGIC):
        _check_database(path, place)
        return "database", str(path), path.stem, None
    message = (
        f"'{place}' cannot be served: it is no SQLite or DuckDB database, no data file ({', '.join(DATA_KINDS)}),"
        " no Python file, no .toml and no folder."
        " To serve a text file, serve the folder it is in."
    )
    raise UsageError(message)


def _exists(place: str) -> bool:
    try:
        return Path(place).exists()
    except OSError:  # too long for a path, or in a folder that may not be entered
        return False


def _missing(path: str, shown: str) -> str:
    folder = Path(path).parent
    try:
        near = nearest(Path(path).name, sorted(other.name for other in folder.iterdir()))
    except OSError:
        near = None
    hint = f" Did you mean '{folder / near}'?" if near else ""
    return f"'{shown}' does not exist.{hint}"


def _first_bytes(path: Path, shown: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LOOKED_AT)
    except OSError as error:
        raise UsageError(f"'{shown}' cannot be read: {error.strerror or error}.") from error


def _check_database(path: Path, shown: str) -> None:
    """Refuse what is no database; an empty file is one without tables."""
    first = _first_bytes(path, shown)
    if first and not first.startswith(_SQLITE_MAGIC):
        raise UsageError(f"'{shown}' is no SQLite database: it begins with other bytes (another format, or encrypted).")


def _check_duckdb(path: Path, shown: str) -> None:
    """Refuse what is no DuckDB database."""
    first = _first_bytes(path, shown)
    if not first[_DUCKDB_MAGIC_AT:].startswith(_DUCKDB_MAGIC):
        what = "it begins with other bytes (another format, or encrypted)" if first else "it is empty"
        raise UsageError(f"'{shown}' is no DuckDB database: {what}.")


def _check_data(path: Path, shown: str, kind: str) -> None:
    """Refuse a data file that is empty or surely something else than its name says."""
    first = _first_bytes(path, shown)
    begin = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not begin:
        raise UsageError(f"'{shown}' is empty; a table needs at least the names of its columns.")
    if kind == "parquet" and not first.startswith(_PARQUET_MAGIC):
        raise UsageError(f"'{shown}' is no Parquet file: it begins with other bytes.")
    if kind == "json" and not begin.startswith(_JSON_BEGINS):
        raise UsageError(f"'{shown}' holds no JSON objects: write [{{...}}, ...], or one {{...}} a line.")
    if kind == "csv" and b"\0" in first:
        raise UsageError(f"'{shown}' is no text with columns in UTF-8: it holds bytes that are none.")
