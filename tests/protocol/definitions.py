"""The definitions of the official schemas, for tests that hold our structs against them.

Newest first, because one struct serves all revisions: it must know what the newest one that has the shape knows.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs


class Definitions:
    """The definitions of all revisions.

    Args:
        folder: where `schema/<revision>.json` are.
    """

    def __init__(self, folder: Path) -> None:
        self.revisions: dict[str, dict[str, Any]] = {}
        for path in sorted((folder / "schema").glob("*.json"), reverse=True):
            document = json.loads(path.read_text("utf-8"))
            self.revisions[path.stem] = document.get("$defs") or document["definitions"]

    def newest(self, name: str) -> dict[str, Any]:
        """The definition in the newest revision that has it; `Name.member` is a member's own shape."""
        name, _, member = name.partition(".")
        for definitions in self.revisions.values():
            if name in definitions:
                found: dict[str, Any] = definitions[name]
                return found["properties"][member] if member else found
        raise LookupError(name)

    def members(self, name: str) -> set[str]:
        """The members that the newest definition names."""
        return set(self.newest(name)["properties"])

    def required(self, name: str) -> set[str]:
        """The members that the newest definition asks for."""
        return set(self.newest(name).get("required", ()))


def wire_names(shape: type[Struct]) -> set[str]:
    """The members of a struct on the wire, its tag among them."""
    tag = shape.__struct_config__.tag_field
    return {field.encode_name for field in structs.fields(shape)} | ({tag} if tag else set())


def always_sent(shape: type[Struct]) -> set[str]:
    """The members that no value of a struct can do without."""
    tag = shape.__struct_config__.tag_field
    names = {field.encode_name for field in structs.fields(shape) if field.required}
    return names | ({tag} if tag else set())


def survives(value: Any, shape: Any) -> bool:
    """Whether a value is the same after a journey over the wire."""
    sent = msgspec.json.encode(value)
    back = msgspec.json.decode(sent, type=shape)
    return type(back) is type(value) and msgspec.json.encode(back) == sent
