"""Input schemas that we did not make: of a specification, a remote server, or written by hand (JSON Schema Usage).

A given schema is shown to clients as it is, and arguments are held against it before the function sees them, as one
dictionary. It is bounded, and nothing in it is ever fetched: a reference must stay within the schema.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from dragoman.errors import UsageError
from dragoman.server.signature import ArgumentsError, Signature

DIALECTS: Final = (
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
)
"""The dialects that a given schema may declare; without one it is 2020-12."""

_DEEPEST: Final = 32
_MOST: Final = 5_000  # objects and arrays in one schema
_COMPLAINTS: Final = 5


def with_schema(signature: Signature, schema: Mapping[str, Any]) -> Signature:
    """The signature of a function that takes its arguments as one dictionary that fits a given schema.

    Raises:
        UsageError: the function takes something else, or the schema is no bounded, self-contained JSON Schema.
    """
    where = f"tool '{signature.name}'"
    if len(signature.parameters) != 1:
        raise UsageError(f"{where}: with input_schema= the function takes one parameter, the arguments as a dict.")
    check(schema, where)
    validator = _validator(schema, where)

    def decode(raw: bytes | Raw) -> tuple[Any, ...]:
        try:
            arguments = msgspec.json.decode(raw) if bytes(raw).strip() else {}
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ArgumentsError(f"The arguments are not valid JSON: {error}.") from None
        wrong = [
            _complaint(error) for _, error in zip(range(_COMPLAINTS), validator.iter_errors(arguments), strict=False)
        ]
        if wrong:
            raise ArgumentsError(" ".join(wrong))
        return (arguments,)

    return dataclasses.replace(signature, input_schema=dict(schema), decode=decode)


def check(schema: Mapping[str, Any], where: str) -> None:
    """See that a schema is an object's, of a dialect we know, bounded, and refers to nothing outside itself.

    Raises:
        UsageError: it is not.
    """
    if schema.get("type") != "object":
        raise UsageError(f'{where}: the input schema must have "type": "object".')
    dialect = str(schema.get("$schema", DIALECTS[0])).rstrip("#")
    if dialect not in DIALECTS:
        raise UsageError(f"{where}: JSON Schema dialect '{dialect}' is not supported; use {DIALECTS[0]}.")
    for count, (node, depth) in enumerate(_nodes(schema, 0)):
        if depth > _DEEPEST or count > _MOST:
            raise UsageError(f"{where}: the input schema is nested deeper than {_DEEPEST} or has over {_MOST} parts.")
        for word in ("$ref", "$dynamicRef"):
            reference = node.get(word) if isinstance(node, dict) else None
            if isinstance(reference, str) and not reference.startswith("#"):
                raise UsageError(f"{where}: the reference '{reference}' leads out of the schema; nothing is fetched.")


def _nodes(node: Any, depth: int) -> Iterator[tuple[Any, int]]:
    """Every object and array of a schema, with its depth; gives up on deeper ones, which are refused anyway."""
    yield node, depth
    if depth <= _DEEPEST:
        for child in node.values() if isinstance(node, Mapping) else node:
            if isinstance(child, Mapping | list):
                yield from _nodes(child, depth + 1)


def _validator(schema: Mapping[str, Any], where: str) -> Any:
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(dict(schema), offline=True)
    except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{where}: the input schema is not valid: {reason}.") from None


def _complaint(error: Any) -> str:
    path = ".".join(str(step) for step in error.instance_path)
    return f"Argument '{path}': {error.message}." if path else f"The arguments: {error.message}."
