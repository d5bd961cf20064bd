"""Plain data as JSON: what msgspec writes by itself, and what it is told of foreign objects.

Knows no content blocks: those are said in `returns.py`. Iterators are refused: a result is whole or it is none.
"""

import enum
from collections.abc import Callable, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from datetime import date, time
from os import PathLike, fspath
from types import NoneType
from typing import Any, Final

import msgspec

from dragoman.server import pydantic_models

_KEYS: Final = frozenset({tuple, frozenset, bytes, bool, NoneType})  # asked for only when a dict has them as keys

_KNOWN: Final[tuple[tuple[Any, Callable[[Any], Any]], ...]] = (
    (str, str.__str__),
    (int, int),
    (float, float),
    ((bytes, bytearray), bytes),
    ((date, time), lambda value: value.isoformat()),
)


class ReturnError(Exception):
    """What a function returned cannot be sent; the message is for its author's log."""


def _plain(value: Any) -> Any:
    """Turn an object that msgspec does not know into one that it knows: the `enc_hook`."""
    kind = type(value)
    if kind in _KEYS:
        raise ReturnError(f"A dict has a key of type {kind.__name__}; in JSON keys are text or numbers.")
    for known, plain in _KNOWN:  # a subclass, which msgspec does not take for what it extends
        if isinstance(value, known):
            return plain(value)
    if kind.__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
        return value.tolist()  # arrays, and scalars too
    if pydantic_models.is_model(kind):
        return pydantic_models.dumped(value)
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | AbstractSet | ValuesView):
        return list(value)
    if hasattr(value, "_asdict"):
        return value._asdict()
    advice = "return a list of what it yields" if hasattr(value, "__next__") else "return text, a dict or a list"
    raise ReturnError(f"An object of type {kind.__module__}.{kind.__qualname__} has no JSON; {advice}.")


write: Final = msgspec.json.Encoder(enc_hook=_plain).encode
"""Encode any value; raises ReturnError or one of `UNWRITABLE`."""

UNWRITABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)


def json_of(value: Any) -> bytes:
    """Encode any value.

    Raises:
        ReturnError: it has no JSON; the message says why.
    """
    try:
        return write(value)
    except UNWRITABLE as error:
        raise ReturnError(f"A value of type {type(value).__name__} has no JSON: {error}.") from error


def text_of(value: Any) -> str:
    """Return a value as text for the model: text as it is, what JSON has as text without quotes, the rest as JSON.

    Raises:
        ReturnError: it has no JSON.
    """
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        return str.__str__(value)
    data = json_of(value)
    return str(msgspec.json.decode(data)) if data[:1] == b'"' else data.decode()
