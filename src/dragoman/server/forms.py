"""A type as a form that a client can show: flat, of primitive fields (Elicitation, Requested Schema).

A dataclass, TypedDict, Struct or pydantic model becomes the form's fields. A single value, such as `str` or an enum,
becomes a form of one field, and comes back as that value.
"""

from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Raw

from dragoman.errors import UsageError
from dragoman.server.annotations import UnsupportedType, build, decodable
from dragoman.server.schemas import schema_of

_ONLY: Final = "value"
_WORDS: Final = frozenset({"title", "description", "default"})
_TAKEN: Final = {
    "string": _WORDS | {"minLength", "maxLength", "format", "enum", "enumNames", "oneOf", "pattern"},
    "number": _WORDS | {"minimum", "maximum"},
    "integer": _WORDS | {"minimum", "maximum"},
    "boolean": _WORDS,
    "array": _WORDS | {"minItems", "maxItems", "items"},
}
_MOST_KNOWN: Final = 256  # forms kept; a class inside a function is another one in every call
_FORMATS: Final = frozenset({"email", "uri", "date", "date-time"})


class Form:
    """A form and how its answer is read.

    Args:
        kind: the type of the answer.

    Raises:
        UsageError: a field is not text, a number, a yes or no, or a choice.
    """

    def __init__(self, kind: Any) -> None:
        try:
            readable = decodable(kind)
            schema = schema_of(readable)
        except (UnsupportedType, TypeError) as error:
            raise UsageError(f"A form cannot ask for {_name(kind)}: {error}.") from error
        self._kind = readable
        self._single = schema.get("type") != "object" or "properties" not in schema
        properties = {_ONLY: schema} if self._single else schema["properties"]
        definitions = schema.get("$defs", {})
        fields = {name: _field(kind, name, _resolved(node, definitions)) for name, node in properties.items()}
        required = [_ONLY] if self._single else schema.get("required", [])
        self.schema: dict[str, Any] = {"type": "object", "properties": fields, "required": required}

    def read(self, content: Raw) -> Any:
        """Read what the user filled in.

        Raises:
            ValueError: it does not fit the form.
        """
        answer = msgspec.json.decode(content)
        if self._single:
            if not isinstance(answer, dict) or _ONLY not in answer:
                raise ValueError(f"the field '{_ONLY}' is missing")
            answer = answer[_ONLY]
        return msgspec.convert(answer, self._kind, dec_hook=build)


_known = lru_cache(_MOST_KNOWN)(Form)


def form_of(kind: Any) -> Form:
    """The form of a type, made once."""
    try:
        hash(kind)
    except TypeError:  # an annotation that cannot be a key
        return Form(kind)
    return _known(kind)


def _field(kind: Any, name: str, node: dict[str, Any]) -> dict[str, Any]:
    """One field, with the keywords that forms have."""
    type_ = node.get("type")
    refusal = UsageError(
        f"A form cannot ask for {_name(kind)}: '{name}' is neither text, a number, a yes or no, nor a choice."
    )
    if type_ not in _TAKEN:
        raise refusal
    field = {key: value for key, value in node.items() if key in _TAKEN[type_]}
    if field.get("format", "email") not in _FORMATS:
        del field["format"]
    if type_ == "integer":  # forms know no exclusive bounds
        field |= {"minimum": node["exclusiveMinimum"] + 1} if "exclusiveMinimum" in node else {}
        field |= {"maximum": node["exclusiveMaximum"] - 1} if "exclusiveMaximum" in node else {}
    choice = node.get("items", {}) if type_ == "array" else node
    if "enum" in choice and choice.get("type") != "string":
        raise UsageError(f"A form cannot ask for {_name(kind)}: '{name}' chooses among numbers; make them texts.")
    if type_ == "array":
        items = node.get("items", {})
        if not isinstance(items, dict) or not ("enum" in items or "anyOf" in items):
            raise refusal
        field["items"] = {key: items[key] for key in ("type", "enum", "anyOf") if key in items}
    return {"type": type_, **field}


def _resolved(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A field without its reference, and without the null of an optional one."""
    if "$ref" in node:
        named = definitions[node["$ref"].rpartition("/")[2]]
        return {**named, **{key: value for key, value in node.items() if key != "$ref"}}
    if "anyOf" in node:
        kinds = [member for member in node["anyOf"] if member.get("type") != "null"]
        if len(kinds) == 1:
            rest = {key: value for key, value in node.items() if key != "anyOf" and value is not None}
            return {**_resolved(kinds[0], definitions), **rest}
    if isinstance(node.get("items"), dict):
        return {**node, "items": _resolved(node["items"], definitions)}
    return node


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)
