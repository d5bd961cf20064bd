"""From what a token says to who calls: where the settings say that each fact stands, and in which forms it is taken."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dragoman.auth.credentials import Refused
from dragoman.auth.principal import Claim, Principal
from dragoman.auth.settings import ClaimSettings, Paths

_LONGEST: Final = 1024  # characters of one fact
_MOST: Final = 256  # roles, and scopes


def principal_of(said: Mapping[str, Any], settings: ClaimSettings, issuer: str) -> Principal:
    """Who a token is of.

    Args:
        said: the token's members, checked.
        settings: where they say what.
        issuer: who vouches for them.

    Raises:
        Refused: it names nobody.
    """
    subject = _first(said, settings.subject)
    if not subject:
        raise Refused("the token names nobody")
    roles = tuple(_every(said, settings.roles))
    if settings.role_names:
        roles = tuple(settings.role_names[name] for name in roles if name in settings.role_names)
    return Principal(
        subject=subject,
        issuer=issuer,
        client=_first(said, settings.client),
        tenant=_first(said, settings.tenant),
        roles=tuple(dict.fromkeys(roles)),
        scopes=_scopes(said, settings),
        claims=tuple(sorted(_facts(said, settings))),
    )


def check_required(said: Mapping[str, Any], required: Mapping[str, Paths]) -> None:
    """See that a token says what every token must say.

    Args:
        said: the token's members.
        required: by path, the values of which it must have one.

    Raises:
        Refused: it does not.
    """
    for path, values in required.items():
        found = find(said, path)
        held = found if isinstance(found, list) else [found]
        if not any(isinstance(one, str) and one in _paths(values) for one in held):
            raise Refused(f"the token does not say what is required of {path}")


def find(said: Any, path: str) -> Any:
    """What stands at a path; None where nothing does.

    Args:
        said: decoded JSON.
        path: a member's whole name; else names with dots between them, or a JSON pointer (RFC 6901).
    """
    if isinstance(said, Mapping) and path in said:
        return said[path]
    if path.startswith("/"):
        steps = [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]
    else:
        steps = path.split(".")
    for step in steps:
        if isinstance(said, Mapping):
            said = said.get(step)
        elif isinstance(said, list) and step.isdigit() and len(step) < 6:  # noqa: PLR2004 (no list is that long)
            said = said[int(step)] if int(step) < len(said) else None
        else:
            return None
    return said


def _paths(paths: Paths) -> tuple[str, ...]:
    return (paths,) if isinstance(paths, str) else paths


def _first(said: Mapping[str, Any], paths: Paths) -> str:
    """The first text that is there; a number counts as its digits."""
    for path in _paths(paths):
        found = find(said, path)
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if isinstance(found, str) and found:
            if len(found) > _LONGEST:
                raise Refused("the token says something at too great length")
            return found
    return ""


def _every(said: Mapping[str, Any], paths: Paths) -> Iterator[str]:
    """Every text in the lists that are there; a text is taken apart at its spaces, an object counts by its names."""
    count = 0
    for path in _paths(paths):
        found = find(said, path)
        words = found.split() if isinstance(found, str) else found
        for word in words if isinstance(words, list | dict) else ():
            if isinstance(word, str) and len(word) <= _LONGEST:
                count += 1
                if count > _MOST:
                    raise Refused("the token has too many roles or scopes")
                yield word


def _scopes(said: Mapping[str, Any], settings: ClaimSettings) -> tuple[str, ...]:
    """The scopes, and those that they include."""
    found = dict.fromkeys(_every(said, settings.scopes))
    waiting = list(found)
    while waiting:
        for scope in settings.implied_scopes.get(waiting.pop(), ()):
            if scope not in found:
                found[scope] = None
                waiting.append(scope)
    return tuple(found)


def _facts(said: Mapping[str, Any], settings: ClaimSettings) -> Iterator[tuple[str, Claim]]:
    for name, path in settings.facts.items():
        found = find(said, path)
        if isinstance(found, str | int | float | bool):
            if isinstance(found, str) and len(found) > _LONGEST:
                raise Refused("the token says something at too great length")
            yield name, found
