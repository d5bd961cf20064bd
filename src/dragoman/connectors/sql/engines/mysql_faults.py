"""What kind of fault an error of MySQL or MariaDB is, by its number (their manuals' error references); pure data."""

from dragoman.connectors.sql.engines.engine import EngineFault, FaultKind

_KINDS: dict[int, FaultKind] = {
    **dict.fromkeys((1028, 1317, 1969, 3024), "timeout"),
    **dict.fromkeys((1044, 1045, 1049, 1130, 1251, 1698, 1820, 1862, 2059, 3118, 4151), "login"),
    **dict.fromkeys((1040, 1129, 1203, 1226), "crowded"),
    **dict.fromkeys((1205, 1213, 1223, 3572), "locked"),
    **dict.fromkeys((1142, 1143, 1227, 1290, 1792, 1836, 1878), "refused"),
    **dict.fromkeys((1021, 1026, 1114, 3675), "scratch"),
    **dict.fromkeys((1037, 1038, 1041, 1135, 3170), "memory"),
    **dict.fromkeys((1153, 1301, 3064), "too_big"),
    **dict.fromkeys((1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2014, 3032), "away"),
    **dict.fromkeys((1016, 1023, 1024, 1030, 1034, 1035), "input_output"),
}
UNTRUE = {1301: EngineFault("too_big", "1301"), 1931: EngineFault("statement", "1931 incomplete")}
"""Warnings with which the server says that a result is not what was asked for, and the faults that they are:
NULL stands where a value was too large; a recursion ended before its end (MariaDB)."""
_SCHEMA_CHANGED = frozenset({1051, 1054, 1109, 1146, 1305, 1356, 1412})


def fault_of(number: int, message: str) -> EngineFault:
    """Return the fault for an error of the server; its message is what `faults` has patterns for."""
    kind = _KINDS.get(number, "statement")
    return EngineFault(kind, f"{number} {message}" if kind == "statement" else str(number))


def may_be_stale(number: int) -> bool:
    """Whether an error is one that a schema that changed behind us would cause."""
    return number in _SCHEMA_CHANGED
