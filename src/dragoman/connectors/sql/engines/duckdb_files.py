"""Data files as tables: which tables a list of files makes, and what each of them reads.

CSV, TSV, Parquet and JSON files, named after themselves. Their columns and types are found out once for each state
of a file and written into a view, so that a statement never guesses again. The upper part is asked by the server's
process and opens nothing; the lower part runs in the worker's.
"""

import glob
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

KINDS: Final = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
"""By the suffix of a file, how it is read."""

MOST_FILES: Final = 500
_WHOLLY_SNIFFED: Final = 16 * 2**20  # bytes of a CSV file that is read from end to end to find out its types
_PATTERN: Final = re.compile(r"[*?\[]")
_WILD: Final = re.compile(r"[*?]")
_NONE: Final = "(empty)"
_LONGEST: Final = 63


def tables_of(files: Mapping[str, str] | Iterable[str]) -> dict[str, Path]:
    """Return the tables that files make, by name.

    Args:
        files: paths, or patterns of paths such as `data/*.csv`; or single paths by the names of their tables.

    Raises:
        ValueError: a file is of no kind that is read, two make one table, or a pattern fits nothing.
    """
    if isinstance(files, Mapping):
        named = [(name, Path(place).absolute()) for name, place in files.items()]
    else:
        named = [(table_name(path), path) for place in files for path in _expanded(place)]
    if len(named) > MOST_FILES:
        raise ValueError(f"{len(named)} files are too many: at most {MOST_FILES} tables of one connector may be files")
    tables: dict[str, Path] = {}
    folded: dict[str, Path] = {}
    for name, path in named:
        if path.suffix.lower() not in KINDS:
            raise ValueError(f"'{path}' is no file that can be a table: there are {', '.join(KINDS)}")
        if _WILD.search(str(path)):
            raise ValueError(f"'{path}' can't be read: DuckDB takes * and ? in a name for a pattern")
        if not name or name.startswith(("duckdb_", "pragma_", "sqlite_", "pg_")) or "\0" in name or '"' in name:
            raise ValueError(f"'{path}' can't make a table called '{name}': give it another name")
        other = folded.setdefault(name.casefold(), path)
        if other is not path and other != path:
            raise ValueError(f"'{other}' and '{path}' both make the table '{name}': name them yourself")
        tables[name] = path
    return tables


def table_name(path: Path) -> str:
    """Return what the table of a file is called: the file's name with letters, digits and `_` only.

    Args:
        path: the file.
    """
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFC", path.stem)).strip("_") or "data"
    return (f"t_{name}" if name[0].isdigit() else name)[:_LONGEST]


def _expanded(place: str) -> list[Path]:
    path = Path(place).absolute()
    if not _PATTERN.search(place) or path.exists():
        return [path]
    found = sorted(Path(each) for each in glob.glob(str(path)))  # noqa: PTH207 (a pattern with a root)
    fitting = [each for each in found if each.suffix.lower() in KINDS and each.is_file()]
    if not fitting:
        raise ValueError(f"'{place}' fits no file that can be a table")
    return fitting


# --- in the worker ---


def pattern_of(path: str) -> str:
    """Return the pattern that fits a path and nothing else, because DuckDB takes every path for a pattern."""
    return path.replace("[", "[[]")


def definition(connection: Any, path: str, size: int) -> str:
    """Return the query that reads a file with the columns and types it has now.

    Args:
        connection: a connection to DuckDB that may read it.
        path: the file.
        size: how large it is, bytes.
    """
    kind = KINDS[Path(path).suffix.lower()]
    where = _literal(pattern_of(path))
    if kind == "parquet":
        return f"SELECT * FROM read_parquet({where})"  # noqa: S608 (a literal)
    if kind == "json":
        found = connection.execute(f"DESCRIBE SELECT * FROM read_json({where})").fetchall()  # noqa: S608 (a literal)
        columns = _columns((name, type_) for name, type_, *_ in found)
        return f"SELECT * FROM read_json({where}, format = 'auto', columns = {columns})"  # noqa: S608 (literals)
    return f"SELECT * FROM read_csv({where}, {', '.join(_csv_options(connection, where, size))})"  # noqa: S608 (literals)


def _csv_options(connection: Any, where: str, size: int) -> Iterator[str]:
    """Give the options that read a CSV file as it was found to be; all of them literals of ours.

    DuckDB proposes a statement of its own, in which names of columns are not quoted: a file could write SQL there.
    """
    sample = ", sample_size = -1" if size <= _WHOLLY_SNIFFED else ""
    cursor = connection.execute(f"SELECT * FROM sniff_csv({where}{sample})")  # noqa: S608 (a literal)
    found = dict(zip((name for name, *_ in cursor.description), cursor.fetchone(), strict=True))
    yield "auto_detect = false"
    yield f"columns = {_columns((column['name'], column['type']) for column in found['Columns'])}"
    yield f"header = {'true' if found['HasHeader'] else 'false'}"
    yield f"skip = {int(found['SkipRows'])}"
    yield f"delim = {_literal(found['Delimiter'])}"
    # Where no quote was seen in the sample, further down in the file there may be some.
    quote = found["Quote"] if found["Quote"] != _NONE else '"'
    yield f"quote = {_literal(quote)}"
    yield f"escape = {_literal(found['Escape'] if found['Escape'] != _NONE else quote)}"
    if found["Comment"] != _NONE:
        yield f"comment = {_literal(found['Comment'])}"
    for option, name in (("dateformat", "DateFormat"), ("timestampformat", "TimestampFormat")):
        if found[name]:
            yield f"{option} = {_literal(str(found[name]))}"


def _columns(columns: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in columns) + "}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
