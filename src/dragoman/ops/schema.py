"""The JSON Schema of `dragoman.toml`, for editors: completion, help and mistakes while typing.

Made of the same structs that the reader takes; what only the reader can know, such as what a variable holds, it lets
pass.
"""

from pathlib import Path
from typing import Any, Final

import msgspec

from dragoman.ops.settings import CONNECTOR_TYPES, section_types, settings_of
from dragoman.secrets import Secret

_REF: Final = "#/$defs/{name}"
_SCALARS: Final = ("integer", "number", "boolean")
_VARIABLE: Final = {"type": "string", "pattern": r"\$\{"}
_UNIT: Final = {"type": "string", "pattern": r"^\s*[0-9]"}


def schema() -> dict[str, Any]:
    """Return the schema (draft-07, which editors know best)."""
    named = section_types()
    types = [*named.values(), *(settings_of(kind) for kind in CONNECTOR_TYPES)]
    shown, parts = msgspec.json.schema_components(types, schema_hook=_plain, ref_template=_REF)
    connectors = shown[len(named) :]
    for part in parts.values():
        _refine(part)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "dragoman.toml",
        "description": "What `dragoman serve` serves, and how",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **dict(zip(named, shown, strict=False)),
            "connectors": {
                "type": "object",
                "description": "what is served, by name",
                "additionalProperties": {"anyOf": [
                    _typed(kind, parts[reference["$ref"].rpartition("/")[2]])
                    for kind, reference in zip(CONNECTOR_TYPES, connectors, strict=True)
                ]},
            },
        },
        "$defs": parts,
    }  # fmt: skip


def _plain(kind: type) -> dict[str, Any]:
    """What msgspec has no schema for is text."""
    if kind in (Secret, Path):
        return {"type": "string"}
    raise NotImplementedError(kind)


def _typed(kind: str, part: dict[str, Any]) -> dict[str, Any]:
    """A connector's settings together with its type."""
    named = {"type": {"const": kind, "description": "what it connects to"}}
    return {
        **part,
        "title": kind,
        "properties": {**named, **part.get("properties", {})},
        "required": ["type", *part.get("required", [])],
    }


def _refine(part: dict[str, Any]) -> None:
    """Refuse unknown keys; let numbers and switches come from variables, sizes and times have units."""
    if "properties" in part:
        part["additionalProperties"] = False
    for name, value in part.get("properties", {}).items():
        kinds = value.pop("anyOf", [value])
        shown = {key: value.pop(key) for key in ("description", "default") if key in value}
        scalars = [kind for kind in kinds if kind.get("type") in _SCALARS]
        if scalars:
            units = [kind.pop("x-unit") for kind in scalars if "x-unit" in kind]
            kinds += [_VARIABLE, _UNIT] if units or name.endswith(("_bytes", "_seconds")) else [_VARIABLE]
        part["properties"][name] = {**value, **shown} if kinds == [value] else {**shown, "anyOf": kinds}
