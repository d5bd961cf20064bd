"""A plain Python function, read once: schema, decoder, caller, encoder (design law 5).

Nothing of this runs per call except the four callables it leaves behind. What a function cannot be is refused here,
at registration, with a sentence that says what to change.
"""

import functools
import inspect
import itertools
import typing
from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter as Declared
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec
from msgspec import Raw

from dragoman.errors import UsageError
from dragoman.protocol.messages import CallToolResult
from dragoman.server import pydantic_models
from dragoman.server.annotations import Schema, build, decodable
from dragoman.server.arguments import Argument, ArgumentsError, arguments_struct, bind
from dragoman.server.docstrings import read_docstring
from dragoman.server.encoders import ReturnError, write
from dragoman.server.results import read_return
from dragoman.server.schemas import schema_of

__all__ = ["ArgumentsError", "Parameter", "ReturnError", "Signature", "read_signature"]

# What msgspec and typing raise for types that they cannot read; a name in a model that is nowhere defined is one.
_UNREADABLE: Final = (TypeError, ValueError, NameError, AttributeError)
_AWAITABLES: Final = (abc.Awaitable, abc.Coroutine)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that callers fill in.

    Args:
        name: its name on the wire.
        description: one line, or empty.
        required: whether it must be there.
        annotation: its type as the author wrote it; Any when there was none.
    """

    name: str
    description: str
    required: bool
    annotation: Any


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives, ready to be called.

    Args:
        name: the function's name.
        description: its docstring without the sections on parameters; empty when there is none.
        input_schema: JSON Schema 2020-12 of the arguments, an object without a reference at its root.
        output_schema: of what it returns, any JSON type, not wrapped; None when the result is only content.
        parameters: those that callers fill in, in order.
        is_async: whether what `call` returns must be awaited.
        context_index: where the context goes among the positional arguments; None when it takes none.
        decode: raw JSON -> positional arguments without the context; raises ArgumentsError.
        decode_strings: the same of texts, as prompts and URI templates have them.
        call: the function, with all arguments positional.
        encode: returned value -> result; raises ReturnError.
    """

    name: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    parameters: tuple[Parameter, ...]
    is_async: bool
    context_index: int | None
    decode: Callable[[bytes | Raw], tuple[Any, ...]]
    decode_strings: Callable[[Mapping[str, str]], tuple[Any, ...]]
    call: Callable[..., Any]
    encode: Callable[[Any], CallToolResult]


def read_signature(
    function: Callable[..., Any],
    *,
    context_type: type,
    name: str | None = None,
    description: str | None = None,
) -> Signature:
    """Read a function, a bound method, a `functools.partial` or an object with `__call__`.

    Args:
        function: what is called.
        context_type: a parameter annotated with it gets the context and is not in the schema.
        name: instead of the function's own.
        description: instead of the docstring's.

    Raises:
        UsageError: it cannot be served; the message names function and parameter and says what to change.
    """
    plain, fixed = _underneath(function)
    name = name or _name_of(plain)
    _refuse_kinds(name, plain)
    called = _called(plain)
    docstring = read_docstring(inspect.getdoc(plain) if called is plain else called.__doc__ or type(plain).__doc__)
    hints = _hints(name, called, context_type)
    declared = [
        one for one in _declared(name, function) if one.name not in fixed or one.kind is not Declared.KEYWORD_ONLY
    ]
    context_index = _context_index(name, declared, hints, context_type)
    slots = [
        _read_parameter(name, one, hints.get(one.name, Any), docstring.parameters.get(one.name, ""))
        for index, one in enumerate(declared)
        if index != context_index
    ]
    input_schema, (decode, decode_strings) = _bind(name, slots)
    returned = hints.get("return", Any)
    awaits = get_origin(returned) in _AWAITABLES
    output_schema, encode = _read_return(name, get_args(returned)[-1] if awaits else returned)
    call, is_async = _caller(function, called, declared, awaits=awaits)
    return Signature(
        name=name,
        description=docstring.description if description is None else description,
        input_schema=input_schema,
        output_schema=output_schema,
        parameters=tuple(slot.shown for slot in slots),
        is_async=is_async,
        context_index=context_index,
        decode=decode,
        decode_strings=decode_strings,
        call=call,
        encode=encode,
    )


def _underneath(function: Any) -> tuple[Any, frozenset[str]]:
    """Return the function inside partials, and the names that partials have fixed by keyword."""
    fixed: set[str] = set()
    while isinstance(function, functools.partial):
        fixed |= function.keywords.keys()
        function = function.func
    return function, frozenset(fixed)


def _called(plain: Any) -> Any:
    """Return what runs when this is called: itself, or its class's `__call__`."""
    return plain if inspect.isroutine(plain) else type(plain).__call__


def _name_of(plain: Any) -> str:
    name = getattr(plain, "__name__", type(plain).__name__)
    if name == "<lambda>":
        raise UsageError("A lambda has no name: give it one with name=, or write it as a function with def.")
    return str(name)


def _refuse_kinds(name: str, plain: Any) -> None:
    if not callable(plain):
        raise UsageError(f"'{name}' is {_shown(type(plain))}, which cannot be called; register a function.")
    if isinstance(plain, type):
        raise UsageError(f"'{name}' is a class; register a function that makes one, or a method of an instance.")
    inner = inspect.unwrap(_called(plain))
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise UsageError(f"'{name}' is a generator; a result is sent whole, so return a list of what it yields.")


def _declared(name: str, function: Any) -> list[Declared]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise UsageError(f"'{name}' does not tell its parameters; wrap it in a function with def.") from error
    for one in parameters:
        if one.kind in {Declared.VAR_POSITIONAL, Declared.VAR_KEYWORD}:
            stars = "*" if one.kind is Declared.VAR_POSITIONAL else "**"
            raise UsageError(
                f"'{name}' takes {stars}{one.name}, which no schema can name: give each parameter a name "
                f"(a decorator in between should use functools.wraps)."
            )
    if parameters and parameters[0].name in {"self", "cls"} and parameters[0].annotation is Declared.empty:
        raise UsageError(f"'{name}' is a method without its instance; register it as instance.{name}.")
    return parameters


def _hints(name: str, called: Any, context_type: type) -> dict[str, Any]:
    """Resolve annotations; names local to the function that registers are found in the frames above."""
    try:
        return typing.get_type_hints(called, include_extras=True)
    except NameError as error:
        missing = error
    except (TypeError, SyntaxError, AttributeError) as error:
        raise UsageError(f"'{name}' has an annotation that is no type: {_reason(error)}.") from error
    frame = inspect.currentframe()
    while frame is not None:
        try:
            names = {context_type.__name__: context_type, **frame.f_locals}
            return typing.get_type_hints(called, localns=names, include_extras=True)
        except (NameError, TypeError, SyntaxError, AttributeError):
            frame = frame.f_back
    raise UsageError(
        f"'{name}' has an annotation with the name '{missing.name}', which cannot be found; import it where "
        f"the function is defined, outside 'if TYPE_CHECKING'."
    )


def _context_index(name: str, declared: list[Declared], hints: dict[str, Any], context_type: type) -> int | None:
    found = [index for index, one in enumerate(declared) if _is_context(hints.get(one.name), context_type)]
    if len(found) > 1:
        raise UsageError(f"'{name}' has {len(found)} parameters of type {context_type.__name__}; keep one.")
    return found[0] if found else None


def _is_context(annotation: Any, context_type: type) -> bool:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _is_context(get_args(annotation)[0], context_type)
    if origin in {Union, UnionType}:
        members = [member for member in get_args(annotation) if member is not NoneType]
        return all(_is_context(member, context_type) for member in members)
    kind = origin or annotation
    return isinstance(kind, type) and issubclass(kind, context_type)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A parameter as it is read, as it is shown, and what its schema says beyond its type."""

    argument: Argument
    shown: Parameter
    notes: Schema


def _read_parameter(function: str, declared: Declared, annotation: Any, description: str) -> _Slot:
    wire, factory, default = declared.name, None, declared.default
    notes: Schema = {"description": description} if description else {}
    annotation, field = _field_of(annotation, default)
    if field is not None:
        parts = pydantic_models.field_parts(annotation, field)
        if pydantic_models.is_field(default) or default is Declared.empty:
            default, factory = parts.default, parts.factory
        annotation, wire = parts.annotation, parts.wire or wire
        notes |= parts.notes
    try:
        kind = decodable(annotation)
    except _UNREADABLE as error:
        raise _unreadable(function, declared.name, annotation, error) from error
    if factory is None and default is not Declared.empty:
        factory = _repeated(default)
        notes |= _shown_default(kind, default)
    if field is None and (own := _description_of(kind)):
        notes["description"] = own
    description = str(notes.get("description", ""))
    return _Slot(Argument(wire, kind, factory), Parameter(wire, description, factory is None, annotation), notes)


def _description_of(kind: Any) -> str | None:
    metas = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((meta.description for meta in metas if isinstance(meta, msgspec.Meta) and meta.description), None)


def _unreadable(function: str, parameter: str, annotation: Any, error: Exception) -> UsageError:
    return UsageError(
        f"Parameter '{parameter}' of '{function}' has the type {_shown(annotation)}, which no JSON value becomes "
        f"({_reason(error)}). Use a type of plain data, such as str, int, list, a dataclass or a TypedDict."
    )


def _field_of(annotation: Any, default: Any) -> tuple[Any, Any]:
    """Find pydantic's `Field`, as the default or in `Annotated`, and the annotation without it."""
    if pydantic_models.is_field(default):
        return annotation, default
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        fields = [extra for extra in extras if pydantic_models.is_field(extra)]
        if fields:
            for extra in extras:
                inner = inner if pydantic_models.is_field(extra) else Annotated[inner, extra]
            return inner, fields[-1]
    return annotation, None


def _repeated(default: Any) -> Callable[[], Any]:
    """Make a default's factory, in C; containers are copied, so that no call changes the next one's default."""
    if isinstance(default, list | dict | set | bytearray):
        return default.copy().copy
    return itertools.repeat(default).__next__


def _shown_default(kind: Any, default: Any) -> Schema:
    """Return the schema's `default`, when the default has JSON and that fits the type."""
    try:
        data = write(default)
        msgspec.json.Decoder(kind, dec_hook=build).decode(data)
    except Exception:  # noqa: BLE001 -- any object may be a default, and its own code may run here
        return {}
    return {"default": msgspec.json.decode(data)}


def _bind(name: str, slots: list[_Slot]) -> tuple[Schema, tuple[Callable[..., Any], Callable[..., Any]]]:
    """Make schema and decoders, or name the parameter because of which that cannot be."""
    arguments = [slot.argument for slot in slots]
    try:
        struct = arguments_struct(name, arguments)
        return _input_schema(struct, slots), bind(struct, arguments)
    except _UNREADABLE as error:
        for slot in slots:
            try:
                schema_of(slot.argument.kind)
                msgspec.json.Decoder(slot.argument.kind, dec_hook=build)
            except _UNREADABLE as reason:
                raise _unreadable(name, slot.shown.name, slot.shown.annotation, reason) from reason
        raise UsageError(f"'{name}' cannot be served: {_reason(error)}.") from error


def _read_return(name: str, annotation: Any) -> tuple[Schema | None, Callable[[Any], CallToolResult]]:
    try:
        return read_return(name, annotation)
    except _UNREADABLE as error:
        raise UsageError(
            f"What '{name}' returns, {_shown(annotation)}, cannot be sent as JSON: {_reason(error)}."
        ) from error


def _input_schema(struct: type[msgspec.Struct], slots: list[_Slot]) -> Schema:
    schema = schema_of(struct)
    del schema["title"]
    if not schema["required"]:
        del schema["required"]
    properties = schema.pop("properties")
    if properties:
        schema["properties"] = {slot.argument.name: {**properties[slot.argument.name], **slot.notes} for slot in slots}
    order = ("type", "properties", "required", "additionalProperties", "$defs")
    return {key: schema[key] for key in order if key in schema}


def _caller(function: Any, called: Any, declared: list[Declared], *, awaits: bool) -> tuple[Callable[..., Any], bool]:
    """Choose how the function is called with positional arguments alone, and whether that must be awaited."""
    positional = sum(one.kind is not Declared.KEYWORD_ONLY for one in declared)
    names = [one.name for one in declared[positional:]]
    direct = inspect.iscoroutinefunction(called)
    wrapped = not direct and (awaits or inspect.iscoroutinefunction(inspect.unwrap(called)))
    if wrapped:

        async def awaiting(*values: Any) -> Any:
            result = function(*values[:positional], **dict(zip(names, values[positional:], strict=True)))
            return await result if inspect.isawaitable(result) else result

        return awaiting, True
    if not names:
        return function, direct

    def by_keyword(*values: Any) -> Any:
        return function(*values[:positional], **dict(zip(names, values[positional:], strict=True)))

    return by_keyword, direct


def _reason(error: Exception) -> str:
    """The line of a library's error that says what is wrong; msgspec writes it last."""
    return str(error).strip().splitlines()[-1].rstrip(".:")


def _shown(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
