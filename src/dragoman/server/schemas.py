"""JSON Schema 2020-12 of types that msgspec reads, foreign ones included.

msgspec describes; here the foreign parts are filled in, definitions merged, and a reference at the root replaced by
what it refers to, since a tool's schema must be an object itself (Tools, `inputSchema`).
"""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Final

import msgspec

from dragoman.server import pydantic_models
from dragoman.server.annotations import Marker, Schema

_HOLE: Final = "$foreign"
_PREFIX: Final = "#/$defs/"
_DATA: Final = frozenset({"default", "examples", "const", "enum"})


def schema_of(kind: Any) -> Schema:
    """Describe a type; the answer has no `$ref` at its root.

    Raises:
        TypeError: the type, or a part of it, cannot be described.
    """
    kinds: list[Any] = [kind]
    markers: list[Marker] = []
    members: dict[Marker, slice] = {}
    while True:

        def hook(custom: type) -> Schema:
            if isinstance(custom, Marker):
                if custom not in markers:
                    markers.append(custom)
                return {_HOLE: markers.index(custom)}
            return _custom(custom)

        schemas, definitions = msgspec.json.schema_components(kinds, schema_hook=hook, ref_template=_PREFIX + "{name}")
        fresh = [marker for marker in markers if marker not in members]
        if not fresh:
            break
        for marker in fresh:
            members[marker] = slice(len(kinds), len(kinds) + len(marker.foreign.members))
            kinds += marker.foreign.members
    spans = [members[marker] for marker in markers]
    filler = _Filler(markers, [list(schemas[span]) for span in spans], definitions)
    filled = filler.fill(schemas[0])
    merged = {name: filler.fill(definition) for name, definition in definitions.items()}
    return inlined({**filled, "$defs": {**filler.definitions, **merged}})


def inlined(schema: Schema) -> Schema:
    """Replace a reference at the root by its definition, and drop definitions that nothing refers to."""
    definitions: Schema = dict(schema.get("$defs", {}))
    root: Schema = _simplified({key: value for key, value in schema.items() if key != "$defs"}, definitions)
    definitions = {name: _simplified(definition, definitions) for name, definition in definitions.items()}
    while isinstance(reference := root.get("$ref"), str) and reference.startswith(_PREFIX):
        named = definitions[reference.removeprefix(_PREFIX)]
        root = {**named, **{key: value for key, value in root.items() if key != "$ref"}}
    used = _reachable(root, definitions)
    if used:
        root["$defs"] = {name: definitions[name] for name in definitions if name in used}
    return root


def _simplified(node: Any, definitions: Schema) -> Any:
    """Put enums in the place where they are referred to, and give enums of one type that type."""
    if isinstance(node, list):
        return [_simplified(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        named = definitions.get(reference.removeprefix(_PREFIX), {})
        if isinstance(named.get("enum"), list):
            siblings = {key: value for key, value in node.items() if key != "$ref"}
            node = {**{key: value for key, value in named.items() if key != "title"}, **siblings}
    choices = node.get("enum")
    if isinstance(choices, list) and "type" not in node:
        kinds = {type(choice) for choice in choices}
        name = {str: "string", int: "integer"}.get(kinds.pop()) if len(kinds) == 1 else None
        node = {**({"type": name} if name else {}), **node}
    return {key: value if key in _DATA else _simplified(value, definitions) for key, value in node.items()}


def _reachable(root: Any, definitions: Schema) -> set[str]:
    used: set[str] = set()
    pending = _references(root)
    while pending:
        name = pending.pop()
        if name not in used and name in definitions:
            used.add(name)
            pending |= _references(definitions[name])
    return used


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {name for value in node.values() for name in _references(value)}
        reference = node.get("$ref")
        if isinstance(reference, str):
            found.add(reference.removeprefix(_PREFIX))
        return found
    if isinstance(node, list):
        return {name for item in node for name in _references(item)}
    return set()


def _custom(kind: type) -> Schema:
    if issubclass(kind, PurePath):
        return {"type": "string"}
    if pydantic_models.is_model(kind):
        return pydantic_models.Model(kind).schema()
    raise NotImplementedError


class _Filler:
    """Fills the holes that foreign types leave in a schema.

    Args:
        markers: the foreign types, by the number in their hole.
        members: the schemas of each one's members.
        definitions: whose names are taken.
    """

    def __init__(self, markers: Sequence[Marker], members: Sequence[list[Schema]], definitions: Schema) -> None:
        self._markers = markers
        self._members = members
        self.definitions = dict(definitions)

    def fill(self, node: Any) -> Any:
        """Return the schema without holes; definitions that come with a part move to `definitions`."""
        if isinstance(node, list):
            return [self.fill(item) for item in node]
        if not isinstance(node, dict):
            return node
        rest = {key: self.fill(value) for key, value in node.items() if key not in {_HOLE, "$defs"}}
        if _HOLE in node:
            number = node[_HOLE]
            members = [self.fill(member) for member in self._members[number]]
            return {**self._adopt(self._markers[number].foreign.schema(members)), **rest}
        return self._adopt({**rest, "$defs": node["$defs"]}) if "$defs" in node else rest

    def _adopt(self, schema: Schema) -> Schema:
        """Move a foreign schema's definitions to ours, under another name where one is taken by something else."""
        arriving = schema.get("$defs")
        schema = {key: value for key, value in schema.items() if key != "$defs"}
        if not arriving:
            return schema
        names: dict[str, str] = {}
        for name, definition in arriving.items():
            free, number = name, 2
            while self.definitions.get(free, definition) != definition:
                free, number = f"{name}_{number}", number + 1
            names[name] = free
            self.definitions[free] = definition
        self.definitions |= {free: _renamed(arriving[name], names) for name, free in names.items()}
        renamed: Schema = _renamed(schema, names)
        return renamed


def _renamed(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_renamed(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    changed = {key: _renamed(value, names) for key, value in node.items()}
    reference = changed.get("$ref")
    if isinstance(reference, str) and (name := reference.removeprefix(_PREFIX)) in names:
        changed["$ref"] = _PREFIX + names[name]
    return changed
