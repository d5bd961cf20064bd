"""The encoder of one function, chosen once by its return annotation: returned value -> `CallToolResult`.

With an output schema (the annotation is data): one encode, whose bytes are the structured content and the text; the
bytes are read back by the annotation's strict decoder, because structured results must conform (Tools, Output
Schema). Without one (no annotation, None, str, bytes, content, Any): the value decides; what JSON has as an object
is structured content too, which every revision since 2025-06-18 may carry as it is.
"""

from collections import abc
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Never, NoReturn, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, MsgspecError, Raw, UnsetType, inspect

from dragoman.protocol.content import TextContent
from dragoman.protocol.messages import CallToolResult
from dragoman.server import pydantic_models
from dragoman.server.annotations import Marker, Schema, UnsupportedType, build, decodable, unaliased
from dragoman.server.encoders import UNWRITABLE, ReturnError, json_of, text_of, write
from dragoman.server.returns import CONTENT, ToolResult, blocks_of, text_blocks
from dragoman.server.schemas import inlined, schema_of

Encode = Callable[[Any], CallToolResult]
Check = Callable[[Any, bytes], Any]
_TEXTUAL: Final[frozenset[Any]] = frozenset(
    {None, NoneType, str, NoReturn, Never, *CONTENT, ToolResult, CallToolResult}
)
_CONTROLLED: Final = (ToolResult, CallToolResult)
_QUOTE: Final = ord('"')
_ITERATORS: Final = (abc.Iterator, abc.Generator, abc.AsyncIterator, abc.AsyncGenerator, abc.AsyncIterable)
_FAULTS: Final = (*UNWRITABLE, ReturnError, MsgspecError)


def read_return(function: str, annotation: Any) -> tuple[Schema | None, Encode]:
    """Choose how a function's results are described and encoded.

    Args:
        function: its name, for errors.
        annotation: of its return value; Any when there is none.

    Returns:
        the output schema (None: whatever it returns is only content), and the encoder.

    Raises:
        UnsupportedType: the annotated type has no JSON.
    """
    if not _is_data(annotation):
        return None, encode_any
    if pydantic_models.owns(annotation):
        return _pydantic_return(function, annotation)
    kind = decodable(annotation, output=True)
    try:
        schema = schema_of(kind)
        decode = msgspec.json.Decoder(kind, dec_hook=build).decode
    except TypeError as error:
        raise UnsupportedType(str(error)) from error
    return schema, _typed(function, annotation, kind, decode)


def _typed(function: str, annotation: Any, kind: Any, decode: Callable[[bytes], Any]) -> Encode:
    # Decoding would run a model's own `__post_init__` a second time; then its instances are taken as they are.
    hooked = _runs_code(inspect.type_info(kind), set())

    def check(value: Any, data: bytes) -> None:
        if hooked:
            msgspec.convert(value, kind, dec_hook=build)
        else:
            decode(data)

    def encode(value: Any) -> CallToolResult:
        if isinstance(value, _CONTROLLED):
            return _controlled(function, value, check)
        try:
            data = write(value)
            if hooked:
                check(value, data)
            else:
                decode(data)
            text = data.decode() if data[0] != _QUOTE else msgspec.json.decode(data)
        except _FAULTS as error:
            raise _refusal(function, annotation, error) from error
        return CallToolResult(content=[TextContent(text)], structured_content=Raw(data))

    return encode


def _pydantic_return(function: str, annotation: Any) -> tuple[Schema, Encode]:
    try:
        model = pydantic_models.Model(annotation)
        schema = inlined(model.schema(output=True))
    except TypeError as error:
        raise UnsupportedType(str(error)) from error

    def encode(value: Any) -> CallToolResult:
        if isinstance(value, _CONTROLLED):
            return _controlled(function, value, lambda structured, _: model.encode(structured))
        try:
            data = model.encode(value)
        except ValueError as error:
            raise _refusal(function, annotation, error) from error
        return CallToolResult(content=[TextContent(data.decode())], structured_content=Raw(data))

    return schema, encode


def encode_any(value: Any) -> CallToolResult:
    """Encode what a function without an output schema returned.

    Raises:
        ReturnError: it has no JSON, or a file cannot be read.
    """
    if type(value) is str:
        return CallToolResult(content=[TextContent(value)])
    if isinstance(value, _CONTROLLED):
        return _controlled("", value, None)
    if value is None or type(value) in CONTENT or isinstance(value, list | tuple | str):
        return CallToolResult(content=blocks_of(value))
    data = json_of(value)
    if data[:1] != b"{":
        return CallToolResult(content=[TextContent(text_of(value))])
    return CallToolResult(content=[TextContent(data.decode())], structured_content=Raw(data))


def _controlled(function: str, result: ToolResult | CallToolResult, check: Check | None) -> CallToolResult:
    if isinstance(result, CallToolResult):
        return result
    structured: Raw | UnsetType = UNSET
    text = ""
    if result.structured is not None:
        data = json_of(result.structured)
        if check is not None and not result.is_error:
            try:
                check(result.structured, data)
            except (ValueError, TypeError, MsgspecError) as error:
                message = f"'{function}': ToolResult(structured=...) does not fit the output schema: {error}."
                raise ReturnError(message) from error
        structured, text = Raw(data), data.decode()
    elif check is not None and not result.is_error:
        raise ReturnError(f"'{function}' has an output schema: give its ToolResult structured=..., too.")
    return CallToolResult(
        content=text_blocks(result.content, text),
        structured_content=structured,
        is_error=True if result.is_error else UNSET,
        meta=UNSET if result.meta is None else result.meta,
    )


def _refusal(function: str, annotation: Any, error: Exception) -> ReturnError:
    if isinstance(error, ReturnError):
        return ReturnError(f"'{function}': {error}")
    shown = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    hint = " NaN and infinity become null in JSON; return None or text for them." if "got `null`" in str(error) else ""
    return ReturnError(f"'{function}' returned something else than its annotation {shown} says: {error}.{hint}")


def _is_data(annotation: Any) -> bool:
    """Say whether a return annotation promises data: then it is the output schema."""
    annotation = unaliased(annotation)
    if annotation is Any or annotation in _TEXTUAL:
        return False
    origin, members = get_origin(annotation), get_args(annotation)
    if (origin or annotation) in _ITERATORS:
        raise UnsupportedType("is an iterator; return a list of what it yields")
    if origin is Annotated:
        return _is_data(members[0])
    if origin in {Union, UnionType}:
        return any(map(_is_data, members)) and not _has_content(annotation)
    return not _has_content(annotation)


def _has_content(annotation: Any) -> bool:
    annotation = unaliased(annotation)
    if isinstance(annotation, type) and issubclass(annotation, (*CONTENT, ToolResult, CallToolResult)):
        return annotation not in {bytes, bytearray, memoryview}
    return any(_has_content(member) for member in get_args(annotation) if not isinstance(member, list))


def _runs_code(kind: inspect.Type, seen: set[Any]) -> bool:
    """Say whether building this type runs its author's `__post_init__`."""
    cls = getattr(kind, "cls", None)
    if cls is not None:
        if cls in seen:
            return False
        seen.add(cls)
        if hasattr(cls, "__post_init__"):
            return True
        if isinstance(cls, Marker):
            return any(_runs_code(inspect.type_info(member), seen) for member in cls.foreign.members)
    parts: list[inspect.Type] = [field.type for field in getattr(kind, "fields", ())]
    for name in ("types", "item_types"):
        parts += getattr(kind, name, ())
    for name in ("type", "item_type", "key_type", "value_type"):
        part = getattr(kind, name, None)
        parts += [part] if part is not None else []
    return any(_runs_code(part, seen) for part in parts)
