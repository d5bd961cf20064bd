"""Front matter: the YAML at the head of a Markdown file, as the JSON value that hosts make of it.

Plain values follow the core schema of YAML 1.2, so that a date, `yes` and `1:30` stay the text that they are for
readers in other languages. What has no one meaning in JSON is refused: aliases, tags, keys given twice, infinity.
"""

import math
import re
from typing import Any, Final

import yaml

from dragoman.errors import UsageError

_MOST: Final = 64 * 1024  # characters
_FENCED: Final = re.compile(r"---\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FIRST_LINE: Final = 2  # of the YAML in its file

_TAG: Final = "tag:yaml.org,2002:"
# YAML 1.2.2, 10.3.2: what a plain scalar is, the first that fits; else it is text.
_PLAIN: Final = [
    (_TAG + "null", re.compile(r"(?:~|null|Null|NULL|)\Z")),
    (_TAG + "bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")),
    (_TAG + "int", re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")),
    (_TAG + "float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")),
    (_TAG + "float", re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")),
]


def read_front_matter(data: bytes, file: str) -> dict[str, Any]:
    """The front matter of a file.

    Args:
        data: the file's bytes.
        file: its name, for errors.

    Raises:
        UsageError: the file is not UTF-8, has no front matter, or it is malformed; says where.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{file}:{line}: this is not UTF-8; save the file as UTF-8.") from error
    found = _FENCED.match(text)
    if found is None:
        message = f"{file}:1: there is no front matter; begin with a line '---', then YAML, then a line '---' again."
        raise UsageError(message)
    if len(found[1]) > _MOST:
        raise UsageError(f"{file}:1: the front matter has {len(found[1]):,} characters; {_MOST:,} are the most.")
    try:
        loader = yaml.SafeLoader(found[1])
        loader.yaml_implicit_resolvers = {None: _PLAIN}
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise _refusal(file, 0, "the front matter is no mapping; write 'name: ...' and 'description: ...'")
        read: dict[str, Any] = _Reader(file).value(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refusal(file, mark.line if mark else 0, error.problem or "this is no YAML") from error
    except yaml.YAMLError as error:
        reason = str(error).partition("\n")[0]
        raise _refusal(file, 0, f"the front matter is no YAML: {reason}") from error
    except RecursionError as error:
        raise _refusal(file, 0, "the front matter is nested too deeply") from error
    return read


class _Reader:
    """Turns nodes into JSON values."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._seen: set[int] = set()

    def value(self, node: yaml.Node) -> Any:
        if id(node) in self._seen:
            raise self._refuse(node, "an alias ('*name') stands here; write the value out")
        self._seen.add(id(node))
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.value(item) for item in node.value]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, kind)
        raise self._refuse(node, f"the tag '{node.tag}' has no JSON; remove it")

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._refuse(key, "a key is text in JSON; this one is a list or a mapping")
            if key.value in read:
                raise self._refuse(key, f"the key '{key.value}' stands here twice; remove one")
            read[key.value] = self.value(value)
        return read

    def _scalar(self, node: yaml.ScalarNode, kind: str) -> Any:
        text: str = node.value
        match kind:
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" | "float":
                return self._number(node, text, kind)
            case _:
                raise self._refuse(node, f"the tag '{node.tag}' has no JSON; remove it")

    def _number(self, node: yaml.ScalarNode, text: str, kind: str) -> int | float:
        try:
            if kind == "int":
                base = {"0o": 8, "0x": 16}.get(text[:2], 10)
                return int(text[2:] if base != 10 else text, base)  # noqa: PLR2004 -- decimal
            number = float(text)
        except ValueError as error:
            raise self._refuse(node, f"'{text[:40]}' is no number that can be read; put it in quotes") from error
        if not math.isfinite(number):
            raise self._refuse(node, f"'{text[:40]}' has no JSON; put it in quotes")
        return number

    def _refuse(self, node: yaml.Node, reason: str) -> UsageError:
        return _refusal(self._file, node.start_mark.line, reason)


def _refusal(file: str, line: int, reason: str) -> UsageError:
    return UsageError(f"{file}:{line + _FIRST_LINE}: {reason}.")
