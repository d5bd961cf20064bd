"""What a message must look like: the one shape of errors, and the comparison of transcripts with wildcards."""

import re
from typing import Any, Final

ANY: Final = "..."
"""Stands for any value, any text in a string, any other members and the rest of a list."""

_LEAKS: Final = re.compile(r"Traceback|File \"|\.py\b|0x[0-9a-f]{6,}|\n")
_LONGEST_MESSAGE: Final = 400


def hold(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - the one thing it is about
    """Fail unless something holds, also where Python leaves `assert` statements out.

    Raises:
        AssertionError: it does not.
    """
    if not holds:
        raise AssertionError(otherwise)


def assert_canonical_error(message: Any, code: int | None = None, request_id: Any = ANY) -> None:
    """Fail unless a message is a JSON-RPC error as every Dragoman server sends it.

    Args:
        message: the decoded message.
        code: the code it must have.
        request_id: the id it must have; None when it must have none.
    """
    hold(isinstance(message, dict), f"no error but {message!r}")
    hold(set(message) <= {"jsonrpc", "id", "error"}, f"members that no error has: {sorted(message)}")
    hold(message.get("jsonrpc") == "2.0", f"no JSON-RPC 2.0: {message!r}")
    error = message.get("error")
    hold(isinstance(error, dict), f"no error but {message!r}")
    hold(set(error) <= {"code", "message", "data"}, f"members that no error has: {sorted(error)}")
    hold(type(error.get("code")) is int, f"a code is an integer: {error!r}")
    hold(code is None or error["code"] == code, f"code {error['code']}, not {code}: {error.get('message')}")
    hold(request_id == ANY or message.get("id") == request_id, f"id {message.get('id')!r}, not {request_id!r}")
    words = error.get("message")
    hold(isinstance(words, str), f"an error says what is wrong in words: {error!r}")
    hold(0 < len(words) <= _LONGEST_MESSAGE, f"an error is one sentence: {words!r}")
    hold(not _LEAKS.search(words), f"an error shows nothing of the inside: {words!r}")


def difference(expected: Any, actual: Any, where: str = "the message") -> str | None:
    """Say in which way a value is not what a transcript expects; None when it is."""
    if expected == ANY:
        return None
    if isinstance(expected, dict) and isinstance(actual, dict):
        missing = [name for name in expected if name not in actual and name != ANY]
        extra = [name for name in actual if name not in expected]
        if missing or (extra and ANY not in expected):
            return f"{where}: " + "; ".join(
                [f"'{name}' is missing" for name in missing]
                + [f"'{name}' is too much" for name in extra if ANY not in expected]
            )
        pairs = [(expected[name], actual[name], f"{where}.{name}") for name in expected if name != ANY]
        return next(filter(None, (difference(*pair) for pair in pairs)), None)
    if isinstance(expected, list) and isinstance(actual, list):
        open_end = bool(expected) and expected[-1] == ANY
        wanted = expected[:-1] if open_end else expected
        if len(actual) < len(wanted) or (len(actual) > len(wanted) and not open_end):
            return f"{where}: {len(actual)} elements, not {len(wanted)}"
        triples = [(want, came, f"{where}[{place}]") for place, (want, came) in enumerate(zip(wanted, actual))]  # noqa: B905 - an open end is longer
        return next(filter(None, (difference(*triple) for triple in triples)), None)
    if isinstance(expected, str) and isinstance(actual, str) and ANY in expected:
        pattern = ".*".join(re.escape(part) for part in expected.split(ANY))
        return None if re.fullmatch(pattern, actual, re.DOTALL) else f"{where}: {actual!r} is not like {expected!r}"
    same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
    return None if same else f"{where}: {actual!r}, not {expected!r}"


def merged(expected: Any, actual: Any) -> Any:
    """What came, with the wildcards of what was expected where they fit."""
    if difference(expected, actual) is None:
        return expected
    if isinstance(expected, dict) and isinstance(actual, dict):
        kept = {name: merged(expected[name], value) for name, value in actual.items() if name in expected}
        return kept | ({ANY: ANY} if ANY in expected else {n: v for n, v in actual.items() if n not in expected})
    return actual
