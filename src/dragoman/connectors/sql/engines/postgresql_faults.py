"""What kind of fault an error of PostgreSQL is, by its SQLSTATE (PostgreSQL manual, appendix A); pure data."""

from dragoman.connectors.sql.engines.engine import EngineFault, FaultKind

# The longest beginning of a SQLSTATE that is listed decides; anything else is about the statement.
_KINDS: dict[str, FaultKind] = {
    "08": "away",
    "0A": "statement",
    "25006": "refused",  # a write in a read-only transaction
    "25P03": "timeout",  # idle in transaction
    "25P04": "timeout",  # the transaction's own limit
    "28": "login",
    "3D000": "login",
    "42501": "refused",
    "53": "memory",
    "53100": "scratch",
    "53300": "crowded",
    "53400": "scratch",
    "54": "too_big",
    "54001": "statement",
    "54011": "statement",
    "54023": "statement",
    "55P03": "locked",
    "57014": "timeout",
    "57P": "away",
    "57P04": "login",
    "58": "input_output",
    "XX001": "corrupt",
    "XX002": "corrupt",
}
_SCHEMA_CHANGED = frozenset({"42P01", "42703", "42883", "42704", "3F000", "0A000", "XX000", "42P18"})


def kind_of(sqlstate: str, message: str) -> FaultKind:
    """Return the kind of an error.

    Args:
        sqlstate: its five characters.
        message: the server's words; they decide between what shares a SQLSTATE.
    """
    if sqlstate == "XX000" and "alloc request size" in message:
        return "too_big"
    for length in (5, 3, 2):
        kind = _KINDS.get(sqlstate[:length])
        if kind is not None:
            return kind
    return "statement"


def fault_of(sqlstate: str | None, message: str) -> EngineFault:
    """Return the fault for an error of the server; its message is what `faults` has patterns for."""
    state = sqlstate or "XX000"
    kind = kind_of(state, message)
    return EngineFault(kind, f"{state} {message}" if kind == "statement" else state)


def may_be_stale(sqlstate: str | None) -> bool:
    """Whether an error is one that a schema that changed behind us would cause."""
    return sqlstate in _SCHEMA_CHANGED
