"""What kind of fault an error of DuckDB is, by its class and, where that says too little, by how its words begin.

Runs in the worker's process. The first line of a message is passed on for `faults`, which knows what of it may be
told; the lines below it show the statement again, and proposals that may name what callers must not see.
"""

from typing import Final

import duckdb

_LONGEST: Final = 500


class Refusal(Exception):
    """A statement or database that can't be served: a kind of `engine.FaultKind` and words for `faults`."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


# The first class that fits decides; the words, lower case, anywhere in the message, each decide before the class.
_KINDS: Final[tuple[tuple[type[Exception], tuple[tuple[str, str], ...], str], ...]] = (
    (duckdb.InterruptException, (), "timeout"),
    (
        duckdb.OutOfMemoryException,
        (("max_temp_directory_size", "scratch"), ("temp_directory_size", "scratch")),
        "memory",
    ),
    (MemoryError, (), "memory"),
    (duckdb.PermissionException, (), "refused"),
    (duckdb.TransactionException, (), "refused"),
    (duckdb.FatalException, (), "lost"),
    (duckdb.InternalException, (), "lost"),
    (duckdb.SerializationException, (), "not_database"),
    (duckdb.HTTPException, (), "refused"),
    (
        duckdb.IOException,
        (
            ("set lock", "locked"),
            ("not a valid duckdb database file", "not_database"),
            ("trying to read a database file with version", "not_database"),
            ("no space left", "scratch"),
            ("file too large", "scratch"),
            ("no such file", "missing"),
            ("no files found", "missing"),
            ("permission denied", "forbidden"),
            ("bad allocation", "memory"),
            ("corrupt database file", "corrupt"),
        ),
        "input_output",
    ),
    (
        duckdb.InvalidInputException,
        (
            ("configuration has been locked", "refused"),
            ("read-only mode", "refused"),
            ("encrypted", "not_database"),
            ("database has been invalidated", "lost"),
        ),
        "statement",
    ),
    (duckdb.Error, (("read-only", "refused"), ("corrupt database file", "corrupt")), "statement"),
    (RuntimeError, (("bad_alloc", "memory"),), "lost"),
    (UnicodeError, (), "refused"),
    (OverflowError, (), "refused"),
)


def fault_of(error: Exception) -> tuple[str, str]:
    """Return the kind of an error and the first line of what it says."""
    if isinstance(error, Refusal):
        return error.kind, error.message
    text = str(error)
    low = text.lower()
    for kind, words, otherwise in _KINDS:
        if isinstance(error, kind):
            found = next((meant for word, meant in words if word in low), otherwise)
            return found, text.split("\n", 1)[0][:_LONGEST].rstrip() if found == "statement" else ""
    return "lost", ""
