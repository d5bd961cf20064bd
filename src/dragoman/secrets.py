"""Secrets: values that are never shown, and their masking wherever text leaves the process.

The registry knows every secret of this process; it only grows, by as many values as are configured. What is in it
is told nobody: it can be asked to mask a text and nothing else.
"""

import hmac
import json
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn, Self
from urllib.parse import parse_qsl, quote, quote_plus, unquote, unquote_plus, urlsplit

MASK: Final = "***"
_SHORTEST: Final = 4  # shorter ones occur in any text, and masking them would spoil it
_SECRET_NAME: Final = re.compile(
    r"PASS(WORD|WD|PHRASE)?|PWD|SECRET|TOKEN|CREDENTIAL|PRIVATE|(^|_)KEY($|_)", re.IGNORECASE
)

# Each form of each known secret; and the pattern that finds any of them, made anew when one is added.
_forms: set[str] = set()
_pattern: re.Pattern[str] | None = None


class Secret(str):
    """A value that nothing shows: as text, in a format, a log or JSON it is `***`; `reveal()` returns it.

    Args:
        value: the secret itself; from now on it is masked in what leaves the process.
    """

    __slots__ = ("_value",)
    _value: str

    def __new__(cls, value: str) -> Self:
        """Hold a secret, and have it masked from now on."""
        made = super().__new__(cls, MASK)
        made._value = value
        register(value)
        return made

    def reveal(self) -> str:
        """Return the value, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled; read it again where it is needed")


def register(value: str) -> None:
    """Have a value masked from now on, in each form in which it may appear; shorter than 4 characters, it is not.

    Args:
        value: the secret, as it is used.
    """
    _add(form for form in (value, unquote(value)) if len(form) >= _SHORTEST)


def register_url(url: str) -> None:
    """Have the password of a URL masked from now on, also one among its options, such as `?password=`.

    Args:
        url: any URL; one without a password has nothing to mask.
    """
    scheme, found, rest = url.partition("://")
    if not scheme or not found:
        return
    try:
        parts = urlsplit(url)
        if (password := parts.password) is None and parts.port is None:
            password = ""
        options = parse_qsl(parts.query)
    except ValueError:  # characters that a URL must encode; what stands before the @ is masked all the same
        password, options = rest.rpartition("@")[0].partition(":")[2], []
    for value in (password or "", *(value for name, value in options if names_secret(name))):
        register(value)
        register(unquote_plus(value))


def names_secret(name: str) -> bool:
    """Return whether a name, such as of a variable, says that its value is a secret.

    Args:
        name: the name.
    """
    return _SECRET_NAME.search(name) is not None


def any_known() -> bool:
    """Whether there is anything to mask."""
    return _pattern is not None


def masked(text: str) -> str:
    """Return a text with `***` in place of every known secret.

    Args:
        text: what is about to leave the process.
    """
    return text if _pattern is None else _pattern.sub(MASK, text)


def masked_bytes(data: bytes) -> bytes:
    """Return UTF-8, such as an encoded message, with `***` in place of every known secret; otherwise as it came.

    Args:
        data: what is about to leave the process.
    """
    return (
        data if _pattern is None else masked(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    )


def _add(values: Iterable[str]) -> None:
    global _pattern  # noqa: PLW0603  (the one registry of the process)
    found = {
        form
        for value in values
        for form in (
            value,
            quote(value, safe=""),
            quote_plus(value),
            json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
            repr(value)[1:-1],
        )
    }
    if found <= _forms:
        return
    _forms.update(found)
    _pattern = re.compile("|".join(re.escape(form) for form in sorted(_forms, key=len, reverse=True)))
