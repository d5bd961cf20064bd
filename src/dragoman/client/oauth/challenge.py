"""What a server says when it refuses: the `WWW-Authenticate` field (RFC 9110, 11.6.1), read as far as tokens go."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER: Final = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))')
_SCHEME: Final = re.compile(rf"({_WORD})(?:[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$)))?")
_BETWEEN: Final = re.compile(r"[ \t,]*")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_MOST: Final = 16_384  # characters of one field that are read
_MOST_SCOPES: Final = 200


class Challenge(Struct, frozen=True, kw_only=True):
    """A refusal that a sign-in may change.

    Args:
        status: 401 or 403.
        sent: the `Authorization` field of the request; None where it had none.
        generation: how many sign-ins there were when the refusal came.
        error: its code, such as `insufficient_scope`; empty where there is none.
        scopes: what the server says it takes.
        metadata_url: where the server's metadata is (RFC 9728, 5.1).
        wants_proof: whether it asks for tokens that are bound to a key (RFC 9449, 7.1).
    """

    status: int
    sent: str | None = None
    generation: int = 0
    error: str = ""
    scopes: tuple[str, ...] = ()
    metadata_url: str | None = None
    wants_proof: bool = False


def read_challenges(fields: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """The parameters of each scheme; of a scheme or parameter that comes twice the first counts.

    Args:
        fields: the values of all `WWW-Authenticate` fields.
    """
    found: dict[str, dict[str, str]] = {}
    for field in fields:
        text, place = field[:_MOST], 0
        current: dict[str, str] | None = None
        while place < len(text):
            between = _BETWEEN.match(text, place)
            place = between.end() if between else place
            if current is not None and (parameter := _PARAMETER.match(text, place)):
                name, quoted, plain = parameter.groups()
                current.setdefault(name.lower(), plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
                place = parameter.end()
            elif scheme := _SCHEME.match(text, place):
                current = {}
                found.setdefault(scheme[1].lower(), current)
                place = scheme.end()
            else:
                place += 1
    return found


def read_challenge(status: int, fields: Iterable[str], sent: str | None, generation: int) -> Challenge | None:
    """Understand a refusal; None where no sign-in would change it.

    Args:
        status: the HTTP status.
        fields: the values of all `WWW-Authenticate` fields.
        sent: the `Authorization` field of the request.
        generation: how many sign-ins there were so far.
    """
    schemes = read_challenges(fields)
    said = schemes.get("bearer") or schemes.get("dpop") or {}
    proof = schemes.get("dpop", {})
    error = said.get("error", "") or proof.get("error", "")
    if status != 401 and (status != 403 or error != "insufficient_scope"):  # noqa: PLR2004  (RFC 6750, 3.1)
        return None
    return Challenge(
        status=status,
        sent=sent,
        generation=generation,
        error=error,
        scopes=read_scopes(said.get("scope", "")),
        metadata_url=said.get("resource_metadata"),
        wants_proof="dpop" in schemes,
    )


def read_scopes(text: str) -> tuple[str, ...]:
    """The scopes of a list separated by spaces (RFC 6749, 3.3), each once; what is none is left out."""
    scopes = dict.fromkeys(scope for scope in text.split(" ") if _SCOPE.fullmatch(scope))
    return tuple(scopes)[:_MOST_SCOPES]
