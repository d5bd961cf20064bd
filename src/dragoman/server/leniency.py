"""Arguments that models commonly send wrong, put right where that loses nothing.

`mend` changes a decoded JSON value towards a type; whether the outcome fits is decided by the strict decoder
afterwards, so nothing gets in here that would not get in there. Runs only after the strict decoder has refused.
Numbers with a fraction or an exponent are `Decimal` here, so that none loses a digit on the way.

Taken: a JSON text for a list or an object, "5" for 5, "1.5" for 1.5, 5 for "5", 5.0 for 5, "true" for true, "null"
for null, an enum's name or value in another case, null for a field that has a default. Never: cutting, rounding,
splitting a text into a list, one value for a list of one.
"""

import enum
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import inspect

from dragoman.limits import Limits
from dragoman.server.annotations import Foreign, Marker

_DIGITS: Final = Limits().argument_digits
_SAFE_INTEGER: Final = 2**53  # beyond it a sender's double no longer tells neighbours apart (RFC 8259, section 6)
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_ARRAYS: Final = (
    inspect.ListType,
    inspect.SetType,
    inspect.FrozenSetType,
    inspect.VarTupleType,
    inspect.TupleType,
    inspect.NamedTupleType,
    inspect.CollectionType,
)
_RECORDS: Final = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)
_TEXTS: Final = (
    inspect.StrType,
    inspect.BytesType,
    inspect.ByteArrayType,
    inspect.MemoryViewType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.TimeType,
    inspect.TimeDeltaType,
    inspect.UUIDType,
    inspect.DecimalType,
)

parse: Final = msgspec.json.Decoder(float_hook=Decimal).decode
write: Final = msgspec.json.Encoder(decimal_format="number").encode


def mend(value: Any, kind: inspect.Type) -> Any:
    """Change a value towards a type where that loses nothing; what cannot be mended is returned as it is.

    Args:
        value: JSON as `parse` reads it.
        kind: the type, as `msgspec.inspect.type_info` describes it.
    """
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return _union(value, kind)
    if isinstance(kind, _ARRAYS):
        return _array(value, kind)
    if isinstance(kind, (*_RECORDS, inspect.DictType)):
        return _object(value, kind)
    if isinstance(kind, inspect.CustomType):
        return _foreign(value, kind.cls.foreign) if isinstance(kind.cls, Marker) else value
    scalar = _SCALARS.get(type(kind))
    return value if scalar is None else scalar(value, kind)


def _integer(value: Any, _: Any) -> Any:
    if isinstance(value, str) and len(value) <= _DIGITS and _INTEGER.fullmatch(value) and value != "-0":
        return int(value)
    if isinstance(value, Decimal) and abs(value) <= _SAFE_INTEGER and value == value.to_integral_value():
        return int(value)
    return value


def _float(value: Any, _: Any) -> Any:
    if isinstance(value, str) and len(value) <= _DIGITS and _NUMBER.fullmatch(value):
        exact = Decimal(value)
        nearest = float(value)
        if exact == Decimal(repr(nearest)):
            return exact
    return value


def _boolean(value: Any, _: Any) -> Any:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _null(value: Any, _: Any) -> Any:
    return None if value == "null" else value


def _text(value: Any, _: Any) -> Any:
    return str(value) if type(value) is int else value


def _enum(value: Any, kind: Any) -> Any:
    choices: type[enum.Enum] = kind.cls
    values = [member.value for member in choices]
    if _listed(value, values):
        return value
    named = {member.value for name, member in choices.__members__.items() if _alike(name, value)}
    return named.pop() if len(named) == 1 else _choice(value, values)


def _literal(value: Any, kind: Any) -> Any:
    return value if _listed(value, kind.values) else _choice(value, kind.values)


def _choice(value: Any, choices: Iterable[Any]) -> Any:
    """Find the only choice that differs in case, or in being a number instead of a text."""
    found = [choice for choice in choices if _alike(choice, value) or _same(choice, value)]
    return found[0] if len(found) == 1 else value


def _listed(value: Any, choices: Iterable[Any]) -> bool:
    return any(type(choice) is type(value) and choice == value for choice in choices)


def _alike(choice: Any, value: Any) -> bool:
    return isinstance(choice, str) and isinstance(value, str) and choice.casefold() == value.casefold()


def _same(choice: Any, value: Any) -> bool:
    if type(choice) is int:
        return type(mended := _integer(value, None)) is int and mended == choice
    return isinstance(choice, str) and type(value) is int and str(value) == choice


_SCALARS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    inspect.IntType: _integer,
    inspect.FloatType: _float,
    inspect.BoolType: _boolean,
    inspect.NoneType: _null,
    inspect.StrType: _text,
    inspect.EnumType: _enum,
    inspect.LiteralType: _literal,
}


def _array(value: Any, kind: Any) -> Any:
    value = _opened(value, list)
    if not isinstance(value, list):
        return value
    if isinstance(kind, inspect.NamedTupleType):
        kinds: Iterable[inspect.Type] = [field.type for field in kind.fields]
    elif isinstance(kind, inspect.TupleType):
        kinds = kind.item_types
    else:
        return [mend(item, kind.item_type) for item in value]
    mended = [mend(item, item_kind) for item, item_kind in zip(value, kinds, strict=False)]
    return mended + value[len(mended) :]


def _object(value: Any, kind: Any) -> Any:
    value = _opened(value, dict)
    if not isinstance(value, dict):
        return value
    if isinstance(kind, inspect.DictType):
        return {key: mend(item, kind.value_type) for key, item in value.items()}
    fields = {field.encode_name: field for field in kind.fields}
    mended = {}
    for key, item in value.items():
        field = fields.get(key)
        if field is None:
            mended[key] = item
        elif item is not None or field.required or takes_null(field.type):
            mended[key] = mend(item, field.type)
    return mended


def takes_null(kind: inspect.Type) -> bool:
    """Say whether null is a value of this type, or may be one."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return any(map(takes_null, kind.types))
    return isinstance(kind, inspect.NoneType | inspect.AnyType | inspect.RawType | inspect.CustomType) or (
        isinstance(kind, inspect.LiteralType) and None in kind.values
    )


def _union(value: Any, kind: inspect.UnionType) -> Any:
    """Mend towards the one member that the value can only have meant.

    JSON tells the members of a union apart by kind, so a text can have been meant as another kind only when no
    member takes texts at large.
    """
    members = [member.type if isinstance(member, inspect.Metadata) else member for member in kind.types]
    if isinstance(value, str):
        choices = [member for member in members if isinstance(member, inspect.EnumType | inspect.LiteralType)]
        for member in choices:
            mended = mend(value, member)
            if mended != value or _listed(value, _values(member)):
                return mended
        if any(isinstance(member, _TEXTS) for member in members):
            return value
        return _first_changed(value, members)
    if isinstance(value, list):
        return next((mend(value, member) for member in members if isinstance(member, _ARRAYS)), value)
    if isinstance(value, dict):
        return next((mend(value, member) for member in members if _takes(member, value)), value)
    if any(isinstance(member, inspect.FloatType) for member in members):
        return value
    return _first_changed(value, members)


def _values(member: Any) -> list[Any]:
    return list(member.values) if isinstance(member, inspect.LiteralType) else [one.value for one in member.cls]


def _takes(member: inspect.Type, value: dict[str, Any]) -> bool:
    """Say whether an object is meant as this member; the tag decides between structs (msgspec, Tagged Unions)."""
    if isinstance(member, inspect.StructType) and member.tag_field is not None:
        return bool(value.get(member.tag_field) == member.tag)
    return isinstance(member, (*_RECORDS, inspect.DictType))


def _first_changed(value: Any, members: Iterable[inspect.Type]) -> Any:
    for member in members:
        mended = mend(value, member)
        if type(mended) is not type(value) or mended != value:
            return mended
    return value


def _foreign(value: Any, foreign: Foreign) -> Any:
    if _accepts(foreign, value):
        return value
    candidates = [mend(value, inspect.type_info(member)) for member in foreign.members]
    candidates += [_opened(value, list), _opened(value, dict)]
    for candidate in candidates:
        if _accepts(foreign, candidate):
            return candidate
    return value


def _accepts(foreign: Foreign, value: Any) -> bool:
    try:
        foreign.convert(msgspec.json.decode(write(value)))
    except (ValueError, TypeError):
        return False
    return True


def _opened(value: Any, wanted: type) -> Any:
    """Read a text that holds the JSON of a list or an object."""
    if isinstance(value, str) and value.lstrip()[:1] == ("[" if wanted is list else "{"):
        try:
            found = parse(value)
        except (msgspec.DecodeError, RecursionError):
            return value
        if isinstance(found, wanted):
            return found
    return value
