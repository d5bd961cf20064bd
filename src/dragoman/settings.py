"""Settings: tables of values, from a file or from code, become frozen structs.

Pure: what is given is checked against the struct's types, exactly; nothing is opened, looked up or logged here. A
complaint names the whole key and what fits there, and shows no value that may be a secret.
"""

import math
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, structs

from dragoman.errors import DragomanError, SettingsError
from dragoman.secrets import Secret, register_url
from dragoman.server.suggest import nearest

Bytes: TypeAlias = Annotated[int, Meta(extra={"unit": "bytes"}, extra_json_schema={"x-unit": "bytes"})]
"""A size in bytes: a whole number, or text such as `64KiB` or `1MB`; at least 1 unless the field says otherwise."""

Seconds: TypeAlias = Annotated[float, Meta(extra={"unit": "seconds"}, extra_json_schema={"x-unit": "seconds"})]
"""A time in seconds: a number, or text such as `200ms`, `5s`, `2m`; more than 0 unless the field says otherwise."""

Url: TypeAlias = Annotated[str, Meta(extra={"text": "url"})]
"""A URL or what stands for one; it may come from `file:` or `keyring:`, and its password is masked from then on."""

TextKind = Literal["plain", "url", "path", "secret"]
TextReader = Callable[[str, TextKind], str]
"""Makes of a text as written and its kind the text that is meant; raises SettingsError, which gets its key here."""

T = TypeVar("T")
Steps: TypeAlias = tuple[str | int, ...]

_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SIZES: Final = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_TIMES: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_FORMS: Final = {bool: bool | str, int: int | str, float: float | int | str}
_MOST_CHOICES: Final = 40
_SHOWN: Final = 60
_LISTS: Final = (list, tuple, set, frozenset, Sequence, Iterable, AbstractSet)
_WORDS: Final[dict[Any, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    Path: "a path in quotes",
    Secret: "text in quotes, best as ${VARIABLE}, file:PATH or keyring:SERVICE/NAME",
}


def read_settings(data: Mapping[str, Any], type: type[T], at: str = "", *, text: TextReader | None = None) -> T:  # noqa: A002
    """Make a struct of a table of values.

    Types are exact: no text for a number, no number for a switch. Keys that the struct has not are refused. Fields
    of type `Bytes` and `Seconds`, and numbers whose names end in `_bytes` or `_seconds`, take units.

    Args:
        data: the table, such as of a TOML file or of keyword arguments.
        type: a msgspec Struct.
        at: where the table stands, for complaints, such as `connectors.shop`.
        text: makes of each text and its kind the text that is meant, such as with a variable's value.

    Raises:
        SettingsError: a key is unknown or missing, or a value doesn't fit; names the whole key.
    """
    return cast("T", _Reader(at, text).read(data, type, ()))


def key_of(path: Iterable[str | int], at: str = "") -> str:
    """Write a path as TOML writes keys; names that are not bare are quoted, places in lists stand in brackets.

    Args:
        path: names and numbers.
        at: what comes before it.
    """
    key = at
    for step in path:
        if isinstance(step, int):
            key += f"[{step}]"
        else:
            name = step if _BARE.fullmatch(step) else '"' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
            key = f"{key}.{name}" if key else name
    return key


def unknown_key(name: str, known: Iterable[str], kind: str = "setting") -> str:
    """Say that there is no such key, and which one was probably meant.

    Args:
        name: the key as written.
        known: the keys there are.
        kind: what keys are here.
    """
    names = sorted(known)
    if not names:
        return f"there is no {kind} here"
    near = nearest(name, names)
    hint = f"did you mean '{near}'?" if near else f"there are {', '.join(names[:_MOST_CHOICES])}"
    return f"there is no such {kind}; {hint}"


def choices_of(kind: Any) -> list[Any]:
    """Return the types that a type allows, without what is annotated and without None.

    Args:
        kind: a type, such as of a struct's field.
    """
    plain, _ = _taken_apart(kind)
    choices = [plain] if get_origin(plain) not in (Union, types.UnionType) else list(get_args(plain))
    return [_taken_apart(choice)[0] for choice in choices if choice not in (types.NoneType, msgspec.UnsetType)]


def description_of(kind: Any) -> str:
    """Return what the annotations of a type say that it is for.

    Args:
        kind: a type, such as of a struct's field.
    """
    return next((meta.description for meta in _taken_apart(kind)[1] if meta.description), "")


def expected(kind: Any, name: str = "") -> str:
    """Return what fits a type, in words.

    Args:
        kind: a type, such as of a struct's field.
        name: the field's name, which may say the unit.
    """
    plain, metas = _taken_apart(kind)
    choices = [plain] if get_origin(plain) not in (Union, types.UnionType) else list(get_args(plain))
    return _expected([each for each in choices if each not in (types.NoneType, msgspec.UnsetType)], metas, name)


def is_table(kind: Any) -> bool:
    """Return whether a type is a struct.

    Args:
        kind: a type, such as of a struct's field.
    """
    return _is_struct(kind)


class _Reader:
    """One reading: where it began, and who reads texts."""

    def __init__(self, at: str, text: TextReader | None) -> None:
        self._at = at
        self._text = text

    def read(self, value: Any, kind: Any, path: Steps, name: str = "") -> Any:
        """Make of a value what its type asks for."""
        plain, metas = _taken_apart(kind)
        choices = [plain] if get_origin(plain) not in (Union, types.UnionType) else list(get_args(plain))
        if value is None and types.NoneType in choices:
            return None
        choices = [choice for choice in choices if choice not in (types.NoneType, msgspec.UnsetType)]
        fitting = sorted(
            (choice for choice in choices if _fits(value, choice)), key=lambda each: _distance(value, each)
        )
        if not fitting:
            raise self._unfit(value, choices, metas, path, name)
        chosen, more = _taken_apart(fitting[0])
        if len(choices) > 1 and get_origin(chosen) is Literal and not _is_choice(value, chosen):
            raise self._unfit(value, choices, metas, path, name)
        return self._read_one(value, chosen, [*metas, *more], path, name)

    def _read_one(self, value: Any, kind: Any, metas: list[Meta], path: Steps, name: str) -> Any:
        origin = get_origin(kind) or kind
        if kind is Any or kind is object:
            return self._deep(value, path)
        if _is_struct(origin):
            return self._read_struct(value, kind, path)
        if origin in (dict, Mapping):
            _, inner = get_args(kind) or (str, Any)
            return {key: self.read(each, inner, (*path, key)) for key, each in value.items()}
        if origin in _LISTS:
            inner = (get_args(kind) or (Any,))[0]
            read = [self.read(each, inner, (*path, index)) for index, each in enumerate(value)]
            least, most = _bounds(metas, "min_length", "max_length")
            if not (least or 0) <= len(read) <= (len(read) if most is None else most):
                raise self._fault(f"expected {_expected([kind], metas, name)}, got {len(read)}", path)
            return origin(read) if origin in (tuple, set, frozenset) else read
        if kind is Secret:
            return value if isinstance(value, Secret) else self._read_secret(value, path)
        if kind is Path:
            return value if isinstance(value, Path) else Path(self._meant(value, "path", path))
        return self._read_leaf(value, kind, metas, path, name)

    def _read_struct(self, value: Any, kind: Any, path: Steps) -> Any:
        if isinstance(value, get_origin(kind) or kind):
            return value
        fields = {field.encode_name: field for field in structs.fields(kind)}
        for key in value:
            if key not in fields:
                raise self._fault(unknown_key(str(key), fields), (*path, str(key)))
        read: dict[str, Any] = {}
        for key, field in fields.items():
            if key in value:
                read[field.name] = self.read(value[key], field.type, (*path, key), key)
            elif field.required:
                raise self._fault("is missing; " + _wanted(field), (*path, key))
        try:
            return kind(**read)
        except SettingsError as error:
            raise self._fault(error.problem, (*path, *error.path)) from None
        except (DragomanError, ValueError, TypeError) as error:
            raise self._fault(str(error), path) from None

    def _read_secret(self, value: str, path: Steps) -> Secret:
        meant = self._meant(value, "secret", path)
        if not meant:
            raise self._fault("is empty; a secret needs a value", path)
        return Secret(meant)

    def _read_leaf(self, value: Any, kind: Any, metas: list[Meta], path: Steps, name: str) -> Any:
        meant = value
        if isinstance(value, str):
            text_kind: TextKind = _extra(metas, "text") or "plain"
            meant = self._meant(value, text_kind, path)
            if text_kind == "url":
                register_url(meant)
            if kind in (bool, int, float):
                meant = _number_in(meant, kind, _unit(kind, metas, name), is_variable=meant != value)
        elif kind is str and isinstance(value, Path):  # in code, where a URL may be a path
            return str(value)
        least = _least(kind, metas, name)
        try:
            converted = msgspec.convert(meant, _annotated(kind, metas))
        except msgspec.ValidationError:
            raise self._unfit(value, [kind], metas, path, name) from None
        if (least is not None and not converted >= least) or (kind is float and not math.isfinite(converted)):
            raise self._unfit(value, [kind], metas, path, name)
        return converted

    def _deep(self, value: Any, path: Steps) -> Any:
        """Read the texts within what may be anything."""
        if isinstance(value, str) and not isinstance(value, Secret):
            return self._meant(value, "plain", path)
        if isinstance(value, Mapping):
            return {key: self._deep(each, (*path, key)) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._deep(each, (*path, index)) for index, each in enumerate(value)]
        return value

    def _meant(self, value: str, kind: TextKind, path: Steps) -> str:
        if self._text is None:
            return value
        try:
            return self._text(value, kind)
        except SettingsError as error:
            raise self._fault(error.problem, path) from error.__cause__

    def _unfit(self, value: Any, choices: list[Any], metas: list[Meta], path: Steps, name: str) -> SettingsError:
        """Say what fits, and what came as far as it is no secret: text is shown only where there are set choices."""
        words = [word for choice in choices for word in _literals(choice)]
        came, hint = _kind_of(value), ""
        if isinstance(value, str) and "${" not in value and (words or any(_unit(c, metas, name) for c in choices)):
            came = f"'{_cut(value)}'"
            near = nearest(value, words)
            hint = f"; did you mean '{near}'?" if near else ""
        return self._fault(f"expected {_expected(choices, metas, name)}, got {came}{hint}", path)

    def _fault(self, problem: str, path: Steps) -> SettingsError:
        return SettingsError(problem, key_of(path, self._at), path)


def _taken_apart(kind: Any) -> tuple[Any, list[Meta]]:
    """A type without its annotations, and these."""
    metas: list[Meta] = []
    while get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        metas += [meta for meta in more if isinstance(meta, Meta)]
    return kind, metas


def _annotated(kind: Any, metas: list[Meta]) -> Any:
    return Annotated[(kind, *metas)] if metas else kind


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value has the outer form of a type; numbers may come as text, from units and variables."""
    kind, _ = _taken_apart(kind)
    origin = get_origin(kind) or kind
    if kind is Any or kind is object:
        return True
    if _is_struct(origin):
        return isinstance(value, Mapping | origin)
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    if origin in _LISTS:
        return not isinstance(value, str | Mapping) and isinstance(value, Iterable)
    if kind in (bool, int, float):
        return isinstance(value, _FORMS[kind]) and (kind is bool or not isinstance(value, bool))
    if kind in (str, Path):
        return isinstance(value, str | Path)
    if origin is Literal:
        return type(value) in {type(choice) for choice in get_args(kind)}
    return isinstance(value, str) if kind is Secret else not isinstance(value, Mapping | list)


def _distance(value: Any, kind: Any) -> int:
    """How far a value is from a type that it fits; of several tables the one that has the most of its keys is near."""
    kind, _ = _taken_apart(kind)
    if isinstance(value, Mapping) and _is_struct(kind):
        return -len({field.encode_name for field in structs.fields(kind)} & value.keys())
    if get_origin(kind) is Literal:
        return 0 if _is_choice(value, kind) else 2
    return 0 if kind is type(value) else 1


def _is_choice(value: Any, kind: Any) -> bool:
    """Whether a value is one of a type's set choices; a variable's value may be."""
    return value in get_args(kind) or (isinstance(value, str) and "${" in value)


def _is_struct(kind: Any) -> bool:
    kind = get_origin(kind) or kind
    return isinstance(kind, type) and issubclass(kind, Struct)


def _extra(metas: list[Meta], name: str) -> Any:
    return next((meta.extra[name] for meta in metas if meta.extra and name in meta.extra), None)


def _unit(kind: Any, metas: list[Meta], name: str) -> str | None:
    """What a number counts: its type says so, or its name."""
    said = _extra(metas, "unit")
    if said is not None:
        return str(said)
    if kind not in (int, float):
        return None
    return "bytes" if name.endswith("_bytes") else "seconds" if name.endswith("_seconds") else None


def _least(kind: Any, metas: list[Meta], name: str) -> float | None:
    """What a size or time is at least where its field doesn't say."""
    if _unit(kind, metas, name) is None or any(value is not None for value in _bounds(metas, "ge", "gt")):
        return None
    return 1 if kind is int else 1e-9


def _bounds(metas: list[Meta], *names: str) -> tuple[Any, ...]:
    return tuple(next((found for meta in metas if (found := getattr(meta, name)) is not None), None) for name in names)


def _number_in(text: str, kind: Any, unit: str | None, *, is_variable: bool) -> Any:
    """The number that a text means, or the text where it means none."""
    if is_variable:  # the environment has no numbers, only texts
        try:
            return msgspec.convert(text.strip(), kind, strict=False)
        except msgspec.ValidationError:
            pass
    match = _NUMBER.fullmatch(text.strip()) if unit else None
    factor = (_SIZES if unit == "bytes" else _TIMES).get(match[2].lower()) if match else None
    if match is None or factor is None:
        return text
    amount = float(match[1]) * factor if "." in match[1] or unit == "seconds" else int(match[1]) * int(factor)
    return amount if kind is float else int(amount) if amount == int(amount) else text


def _literals(kind: Any) -> list[str]:
    kind, _ = _taken_apart(kind)
    return [value for value in get_args(kind) if isinstance(value, str)] if get_origin(kind) is Literal else []


def _expected(choices: Sequence[Any], metas: list[Meta], name: str) -> str:
    """What fits, in words."""
    return " or ".join(dict.fromkeys(_expected_one(choice, metas, name) for choice in choices))


def _expected_one(choice: Any, metas: list[Meta], name: str) -> str:
    kind, more = _taken_apart(choice)
    metas = [*metas, *more]
    origin = get_origin(kind) or kind
    if origin is Literal:
        return "one of " + ", ".join(
            f"'{value}'" if isinstance(value, str) else repr(value) for value in get_args(kind)
        )
    if _is_struct(origin):
        return "a table of " + ", ".join(field.encode_name for field in structs.fields(kind))
    if origin in (dict, Mapping):
        return "a table"
    if origin in _LISTS:
        least, most = _bounds(metas, "min_length", "max_length")
        return "a list" + (f" of at least {least}" if least else "") + (f" of at most {most}" if most else "")
    words = _WORDS.get(kind, f"a {getattr(kind, '__name__', kind)}")
    unit = _unit(kind, metas, name)
    if unit:
        words = "a size such as '64KiB' or '1MB'" if unit == "bytes" else "a time such as '5s' or '200ms'"
        words += f", or a number of {unit}"
    (ge, gt, le, lt), pattern = _bounds(metas, "ge", "gt", "le", "lt"), _bounds(metas, "pattern")[0]
    words += "".join(
        f", {said} {bound:,}"
        for said, bound in (("at least", ge), ("more than", gt), ("at most", le), ("less than", lt))
        if bound is not None
    )
    return words + (f" that matches {pattern}" if pattern else "")


def _wanted(field: structs.FieldInfo) -> str:
    """What a field is for, or else what fits."""
    kind, metas = _taken_apart(field.type)
    description = next((meta.description for meta in metas if meta.description), None)
    return description or f"expected {_expected([kind], metas, field.encode_name)}"


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _cut(repr(value))
    if isinstance(value, str):
        return "text" if value else "empty text"
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, list | tuple | set | frozenset) else f"a {type(value).__name__}"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
