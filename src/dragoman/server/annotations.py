"""Annotations made decodable: what a user writes in a signature -> a type that msgspec reads and describes.

Most types pass unchanged. What msgspec cannot decode (a union of two dataclasses, an enum of mixed values, a
pydantic model) becomes a marker class that stands for a `Foreign`, and `build`, the one decoding hook, asks that.
Everything here happens at registration, except `build`, which runs only for such types.
"""

import enum
import typing
from abc import ABC, abstractmethod
from collections import abc
from datetime import date, datetime, time
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from dragoman.server import pydantic_models

Schema = dict[str, Any]
_CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "tz")
_NOTES = ("title", "description", "examples", "extra_json_schema", "extra")
_FORMATS: dict[Any, str] = {datetime: "date-time", date: "date", time: "time"}
_AS_LIST = (abc.Iterable, abc.Collection, abc.Sequence, abc.MutableSequence)


class UnsupportedType(TypeError):
    """No JSON value becomes this type; the message is the end of a sentence about a parameter."""


class Foreign(ABC):
    """A type that msgspec cannot decode by itself.

    Args:
        members: types of which the value is one, in the order in which they are tried.
    """

    members: tuple[Any, ...] = ()

    @abstractmethod
    def convert(self, value: Any) -> Any:
        """Make the typed value of a decoded JSON value; ValueError says what was expected."""

    @abstractmethod
    def schema(self, members: list[Schema]) -> Schema:
        """Describe the accepted JSON, given the schemas of the members; may have `$defs` of its own."""


class Marker(type):
    """The type of the classes that stand for a `Foreign`; every object counts as an instance of theirs."""

    foreign: Foreign

    def __instancecheck__(cls, instance: object) -> bool:
        return True


def mark(foreign: Foreign) -> Marker:
    """Make the class that stands for `foreign` in a type that msgspec reads."""
    marker = Marker("Foreign", (), {})
    marker.foreign = foreign
    return marker


def build(kind: type, value: Any) -> Any:
    """Make an instance of a type that msgspec does not know: the `dec_hook` of every decoder here."""
    if isinstance(kind, Marker):
        return kind.foreign.convert(value)
    if issubclass(kind, PurePath):
        if not isinstance(value, str):
            raise ValueError(f"Expected `str`, got `{type(value).__name__}`")
        return kind(value)
    return pydantic_models.convert(kind, value)


class AnyOf(Foreign):
    """A union that msgspec refuses: several objects, several lists, or several types that are strings in JSON.

    The narrower type is tried first: `str`, `dict` and `float` after all others. Of several objects that fit, the
    one that knows most of the keys is taken, then the one written first.
    """

    def __init__(self, members: typing.Iterable[Any]) -> None:
        self.members = tuple(sorted(members, key=_breadth))
        try:
            self._keys = [_keys(member) for member in self.members]
            for member in self.members:
                msgspec.json.Decoder(member, dec_hook=build)
        except TypeError as error:
            raise UnsupportedType(str(error)) from error

    def convert(self, value: Any) -> Any:
        """Make the value of the member that fits best."""
        best, most = None, -2
        for member, keys in zip(self.members, self._keys, strict=True):
            try:
                built = msgspec.convert(value, member, dec_hook=build)
            except msgspec.ValidationError:
                continue
            if not isinstance(value, dict):
                return built
            known = -1 if keys is None else len(keys & value.keys())
            if known > most:
                best, most = built, known
        if most > -2:  # noqa: PLR2004 -- lower than any count
            return best
        raise ValueError(f"Expected `{' | '.join(_word(member) for member in self.members)}`")

    def schema(self, members: list[Schema]) -> Schema:
        """Any of the members."""
        return {"anyOf": members}


class Choices(Foreign):
    """An enum that msgspec refuses: its values are of mixed types, or no JSON values, which leaves the names."""

    def __init__(self, choices: type[enum.Enum]) -> None:
        by_value = self.by_value(choices)
        self._choices = {self._key(member.value if by_value else member.name): member for member in choices}
        if not self._choices:
            raise UnsupportedType("is an enum without members")

    def convert(self, value: Any) -> enum.Enum:
        """Find the member of this value, where `1` and `true` differ."""
        member = self._choices.get(self._key(value)) if isinstance(value, str | int) else None
        if member is None:
            raise ValueError(f"Invalid enum value {value!r}")
        return member

    def schema(self, members: list[Schema]) -> Schema:  # noqa: ARG002 -- an enum has none
        """The values, or the names."""
        return {"enum": [value for _, value in self._choices]}

    @staticmethod
    def by_value(choices: type[enum.Enum]) -> bool:
        """Say whether the members go by their values in JSON."""
        return all(isinstance(member.value, str | int) for member in choices)

    @staticmethod
    def _key(value: Any) -> tuple[type, Any]:
        return (type(value), value) if isinstance(value, bool) else (NoneType, value)


class Modelled(Foreign):
    """A type that only pydantic reads."""

    def __init__(self, model: pydantic_models.Model) -> None:
        self._model = model

    def convert(self, value: Any) -> Any:
        """Let pydantic validate the value."""
        return self._model.convert(value)

    def schema(self, members: list[Schema]) -> Schema:  # noqa: ARG002 -- pydantic describes the whole
        """What pydantic says."""
        return self._model.schema()


def decodable(annotation: Any, *, output: bool = False) -> Any:
    """Rewrite an annotation into a type that msgspec decodes and describes.

    Args:
        annotation: as `typing.get_type_hints(..., include_extras=True)` gives it.
        output: it is what a function returns. Otherwise the schema names the format of dates and times, as a hint to
            who fills them in, and an enum may be told by its names.

    Raises:
        UnsupportedType: no JSON value becomes this type.
    """
    annotation = unaliased(annotation)
    if pydantic_models.owns(annotation):
        return _modelled(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return _annotated(annotation, output=output)
    if origin in {Union, UnionType}:
        return _union([decodable(member, output=output) for member in get_args(annotation)])
    if origin is not None and origin is not Literal:
        return _generic(annotation, origin, output=output)
    if annotation in _AS_LIST:
        return list
    if not output and annotation in _FORMATS:
        return Annotated[annotation, Meta(extra_json_schema={"format": _FORMATS[annotation]})]
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _enum(annotation, output=output)
    return annotation


def _modelled(annotation: Any) -> Any:
    metas: list[Meta] = []
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        annotation = inner
        for extra in extras:
            meta = None if type(extra).__module__ == "annotated_types" else _meta(extra)
            if meta is None:
                annotation = Annotated[annotation, extra]
            else:
                metas.append(_only(meta, _NOTES))
    try:
        return _with(mark(Modelled(pydantic_models.Model(annotation))), metas)
    except (TypeError, ValueError) as error:
        raise UnsupportedType(str(error)) from error


def unaliased(annotation: Any) -> Any:
    """Return the annotation behind an alias, a NewType or a type variable; `object` is any value."""
    if isinstance(annotation, TypeVar):
        return unaliased(annotation.__bound__ or Any)
    if type(annotation).__name__ == "TypeAliasType":  # `type X = ...` of Python 3.12
        return unaliased(annotation.__value__)
    if hasattr(annotation, "__supertype__"):  # NewType
        return unaliased(annotation.__supertype__)
    return Any if annotation is object else annotation


def _generic(annotation: Any, origin: Any, *, output: bool) -> Any:
    if origin is abc.Callable:
        return annotation
    if origin in _AS_LIST:
        origin = list
    members = tuple(
        member if member is Ellipsis else decodable(member, output=output) for member in get_args(annotation)
    )
    if members == get_args(annotation) and origin is not list:
        return annotation
    return origin[members if len(members) > 1 else members[0]]


def _union(members: list[Any]) -> Any:
    union: Any = Union[tuple(members)]  # noqa: UP007 -- made of a list
    try:
        msgspec.json.Decoder(union, dec_hook=build)
    except TypeError:
        return mark(AnyOf(members))
    return union


def _enum(choices: type[enum.Enum], *, output: bool) -> Any:
    try:
        msgspec.json.Decoder(choices)
    except TypeError as error:
        if output and not Choices.by_value(choices):
            reason = "is an enum whose values are not all text or integers; return its value or its name"
            raise UnsupportedType(reason) from error
        return mark(Choices(choices))
    return choices


def _annotated(annotation: Any, *, output: bool) -> Any:
    inner, *extras = get_args(annotation)
    described = any(isinstance(extra, Meta) and extra.description for extra in extras)
    read = (_meta(extra) for extra in extras if not (described and isinstance(extra, str)))
    metas = [meta for meta in read if meta is not None]
    if get_origin(unaliased(inner)) in {Union, UnionType}:
        limits = [_only(meta, _CONSTRAINTS) for meta in metas if any(_set(meta, name) for name in _CONSTRAINTS)]
        metas = [_only(meta, _NOTES) for meta in metas]
        members = get_args(unaliased(inner))
        if limits:
            inner = Union[  # noqa: UP007 -- made of a list
                tuple(member if member is NoneType else _with(member, limits) for member in members)
            ]
    return _with(decodable(inner, output=output), metas)


def _with(annotation: Any, metas: list[Meta]) -> Any:
    for meta in metas:
        annotation = Annotated[annotation, meta]
    return annotation


def _set(meta: Meta, name: str) -> bool:
    return getattr(meta, name) is not None


def _only(meta: Meta, names: tuple[str, ...]) -> Meta:
    return Meta(**{name: getattr(meta, name) for name in names})


def _meta(extra: Any) -> Meta | None:
    """Read one note of an `Annotated`: msgspec's Meta, a plain description, PEP 727, or annotated_types."""
    if isinstance(extra, Meta):
        return extra
    if isinstance(extra, str):
        return Meta(description=extra)
    if isinstance(getattr(extra, "documentation", None), str):
        return Meta(description=extra.documentation)
    if type(extra).__module__ == "annotated_types":
        found = {name: getattr(extra, name, None) for name in _CONSTRAINTS}
        return Meta(**found) if any(value is not None for value in found.values()) else None
    return None


def _breadth(member: Any) -> int:
    plain = get_args(member)[0] if get_origin(member) is Annotated else member
    broad: dict[Any, int] = {float: 1, dict: 2, str: 3, Any: 4}
    return broad.get(get_origin(plain) or plain, 0)


def _keys(member: Any) -> frozenset[str] | None:
    info = msgspec.inspect.type_info(member)
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    fields = getattr(info, "fields", None)
    return None if fields is None else frozenset(field.encode_name for field in fields)


def _word(member: Any) -> str:
    plain = get_args(member)[0] if get_origin(member) is Annotated else member
    return "null" if plain is NoneType else getattr(plain, "__name__", str(plain))
