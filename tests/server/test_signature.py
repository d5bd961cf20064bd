import asyncio
import enum
import functools
import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Optional, TypedDict
from uuid import UUID

import jsonschema_rs
import msgspec
import pytest
from msgspec import Meta

from dragoman.errors import UsageError
from dragoman.server.signature import ArgumentsError, Parameter, ReturnError, Signature, read_signature

if TYPE_CHECKING:
    from fractions import Fraction


class Context:
    """As the server's: only its identity counts here."""


class Special(Context):
    pass


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


@dataclass
class Order:
    number: int


class Filter(TypedDict, total=False):
    text: str


class Point(NamedTuple):
    x: int
    y: int = 0


class Row(msgspec.Struct):
    cells: list[str]


def read(function: Any, **settings: Any) -> Signature:
    signature = read_signature(function, context_type=Context, **settings)
    jsonschema_rs.meta.validate(signature.input_schema)
    return signature


def search(query: str, limit: Annotated[int, Meta(ge=1, le=50)] = 10, *, exact: bool = False) -> list[Order]:
    """Search the orders.

    Also the closed ones.

    :param query: what to look for
    :param limit: how many
    """
    return [Order(limit)]


def test_the_whole_of_a_function() -> None:
    signature = read(search)
    assert signature.name == "search"
    assert signature.description == "Search the orders.\n\nAlso the closed ones."
    assert signature.input_schema == {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "what to look for"},
            "limit": {"type": "integer", "minimum": 1, "maximum": 50, "description": "how many", "default": 10},
            "exact": {"type": "boolean", "default": False},
        },
        "required": ["query"],
        "additionalProperties": False,
    }
    assert signature.output_schema is not None
    assert signature.output_schema["type"] == "array"
    assert signature.parameters == (
        Parameter("query", "what to look for", required=True, annotation=str),
        Parameter("limit", "how many", required=False, annotation=Annotated[int, Meta(ge=1, le=50)]),
        Parameter("exact", "", required=False, annotation=bool),
    )
    assert (signature.is_async, signature.context_index) == (False, None)
    values = signature.decode(b'{"query": "a", "limit": 3}')
    assert values == ("a", 3, False)
    result = signature.encode(signature.call(*values))
    assert result.structured_content == msgspec.Raw(b'[{"number":3}]')
    assert signature.decode_strings({"query": "a", "exact": "true"}) == ("a", 10, True)
    with pytest.raises(ArgumentsError):
        signature.decode(b"{}")
    with pytest.raises(ReturnError):
        signature.encode("text")


def test_a_function_without_anything() -> None:
    def ping():  # type: ignore[no-untyped-def]  # noqa: ANN202
        return None

    signature = read(ping)
    assert signature.input_schema == {"type": "object", "additionalProperties": False}
    assert (signature.description, signature.output_schema, signature.parameters) == ("", None, ())
    assert signature.decode(b"{}") == ()
    assert signature.call is ping


def test_name_and_description_may_be_given() -> None:
    signature = read(search, name="find", description="Finds.")
    assert (signature.name, signature.description) == ("find", "Finds.")
    assert signature.parameters[0].description == "what to look for"
    assert read(search, description="").description == ""
    assert read(lambda: 1, name="one").name == "one"


def test_without_annotations_anything_goes() -> None:
    def loose(a, b=5, *, c=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return [a, b, c]

    signature = read(loose)
    assert signature.input_schema["properties"] == {"a": {}, "b": {"default": 5}, "c": {"default": None}}
    assert signature.decode(b'{"a": {"x": [1.5, null]}}') == ({"x": [1.5, None]}, 5, None)
    assert signature.decode_strings({"a": "5"}) == ("5", 5, None)
    assert signature.call(1, 2, 3) == [1, 2, 3]


@pytest.mark.parametrize(
    ("annotation", "sent", "value"),
    [
        (int, "5", 5),
        (Optional[int], "null", None),  # noqa: UP045 -- as users of older Pythons write it
        (int | str, '"a"', "a"),
        (Literal["a", 1], "1", 1),
        (Color, '"b"', Color.BLUE),
        (Order, '{"number": 1}', Order(1)),
        (Filter, '{"text": "a"}', {"text": "a"}),
        (Point, "[1]", Point(1)),
        (Row, '{"cells": ["a"]}', Row(["a"])),
        (list[Order], '[{"number": 1}]', [Order(1)]),
        (dict[str, list[int]], '{"a": [1]}', {"a": [1]}),
        (set[int], "[1, 2]", {1, 2}),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (UUID, '"12345678123456781234567812345678"', UUID("12345678123456781234567812345678")),
        (Decimal, '"1.50"', Decimal("1.50")),
        (Decimal, "1.50", Decimal("1.50")),
        (bytes, '"AAE="', b"\0\1"),
        (Order | Row | None, '{"cells": []}', Row([])),
        (Any, "[null]", [None]),
    ],
)
def test_types(annotation: Any, sent: str, value: Any) -> None:
    def take(x: Any) -> None: ...

    take.__annotations__["x"] = annotation
    signature = read(take)
    raw = f'{{"x": {sent}}}'.encode()
    (taken,) = signature.decode(raw)
    assert taken == value
    assert type(taken) is type(value)
    assert jsonschema_rs.is_valid(signature.input_schema, msgspec.json.decode(raw)) or sent == "1.50"
    assert "$ref" not in signature.input_schema


class Opaque:
    pass


MUTABLE: list[str] = ["a"]


@pytest.mark.parametrize(
    ("annotation", "default", "shown"),
    [
        (int, 5, 5),
        (int | None, None, None),
        (str, "", ""),
        (Color, Color.RED, "r"),
        (Order | None, Order(1), {"number": 1}),
        (list[str], MUTABLE, ["a"]),
        (set[int], {1}, [1]),
        (tuple[int, ...], (1, 2), [1, 2]),
        (dict[str, int], {}, {}),
        (datetime, datetime(2026, 7, 28, 9), "2026-07-28T09:00:00"),  # noqa: DTZ001
        (bytes, b"\0", "AA=="),
    ],
)
def test_defaults(annotation: Any, default: Any, shown: Any) -> None:
    def take(x: Any = default) -> None: ...

    take.__annotations__["x"] = annotation
    signature = read(take)
    assert signature.input_schema["properties"]["x"]["default"] == shown
    assert signature.decode(b"{}") == (default,)
    assert not signature.parameters[0].required


@pytest.mark.parametrize(("annotation", "default"), [(int, None), (str, Opaque()), (Any, Opaque()), (int, "none")])
def test_defaults_that_cannot_be_shown_still_work(annotation: Any, default: Any) -> None:
    def take(x: Any = default) -> None: ...

    take.__annotations__["x"] = annotation
    signature = read(take)
    assert "default" not in signature.input_schema["properties"]["x"]
    assert signature.decode(b"{}")[0] is default
    if annotation is not Any:
        assert signature.decode(b'{"x": null}')[0] is default


def test_no_call_changes_the_next_ones_default() -> None:
    def take(x: list[str] = MUTABLE) -> None: ...

    signature = read(take)
    signature.decode(b"{}")[0].append("b")
    assert signature.decode(b"{}") == (["a"],)
    assert MUTABLE == ["a"]


def test_descriptions_from_the_annotation_come_before_the_docstring() -> None:
    def take(
        a: Annotated[int, "from a text"],
        b: Annotated[int, Meta(description="from Meta")],
        c: int,
        d: Annotated[Order | Row | None, "of a union"] = None,
    ) -> None:
        """Take.

        :param a: not this
        :param b: nor this
        :param c: this
        :param e: of nothing
        """

    signature = read(take)
    described = {name: schema["description"] for name, schema in signature.input_schema["properties"].items()}
    assert described == {"a": "from a text", "b": "from Meta", "c": "this", "d": "of a union"}
    assert [parameter.description for parameter in signature.parameters] == list(described.values())


def test_a_header_annotation_reaches_the_schema() -> None:
    def take(region: Annotated[str, Meta(extra_json_schema={"x-mcp-header": "Region"})]) -> None:
        """Take.

        Args:
            region: where
        """

    assert read(take).input_schema["properties"]["region"] == {
        "type": "string",
        "x-mcp-header": "Region",
        "description": "where",
    }


def plain_context(a: int, ctx: Context, b: int = 1) -> None: ...
def first_context(ctx: Context, a: int) -> None: ...
def optional_context(a: int, ctx: Context | None = None) -> None: ...
def text_context(a: int, ctx: "Context") -> None: ...
def annotated_context(a: int, ctx: Annotated[Context, "x"]) -> None: ...
def keyword_context(a: int, *, b: int = 1, ctx: Context) -> None: ...
def narrower_context(ctx: Special) -> None: ...
def no_context(ctx: int, context: str) -> None: ...


@pytest.mark.parametrize(
    ("function", "index", "shown"),
    [
        (plain_context, 1, ["a", "b"]),
        (first_context, 0, ["a"]),
        (optional_context, 1, ["a"]),
        (text_context, 1, ["a"]),
        (annotated_context, 1, ["a"]),
        (keyword_context, 2, ["a", "b"]),
        (narrower_context, 0, []),
        (no_context, None, ["ctx", "context"]),
    ],
)
def test_where_the_context_goes(function: Any, index: int | None, shown: list[str]) -> None:
    signature = read(function)
    assert signature.context_index == index
    assert [parameter.name for parameter in signature.parameters] == shown
    assert list(signature.input_schema.get("properties", {})) == shown


def test_a_keyword_context_arrives() -> None:
    def take(a: int, *, ctx: Context, b: int = 2) -> Any:
        return a, ctx, b

    signature = read(take)
    context = Context()
    (a, b) = signature.decode(b'{"a": 1}')
    assert signature.call(a, context, b) == (1, context, 2)


def test_one_context_is_enough() -> None:
    def take(one: Context, two: Context) -> None: ...

    with pytest.raises(UsageError, match="'take' has 2 parameters of type Context; keep one"):
        read(take)


class Tools:
    """Some tools."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def times(self, number: int) -> int:
        """Multiply."""
        return self.factor * number

    async def later(self, number: int) -> int:
        return self.factor * number

    @classmethod
    def of_class(cls, number: int) -> int:
        return number

    @staticmethod
    def of_nothing(number: int) -> int:
        return number


class Called:
    """Do something.

    Args:
        number: how often
    """

    def __call__(self, number: int) -> int:
        return number


class CalledLater:
    async def __call__(self, number: int, ctx: Context) -> int:
        """Do it later."""
        return number


async def coroutine(number: int) -> int:
    return number


def returns_awaitable(number: int) -> Awaitable[int]:
    return coroutine(number)


def returns_coroutine(number: int) -> Coroutine[Any, Any, int]:
    return coroutine(number)


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*values: Any, **named: Any) -> Any:
        return function(*values, **named)

    return wrapper


def blocking(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(number: int) -> Any:
        return number

    return wrapper


def in_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*values: Any) -> Any:
        return await asyncio.to_thread(function, *values)

    return wrapper


def two(factor: int, number: int) -> int:
    return factor * number


@functools.lru_cache
def cached(number: int) -> int:
    return number


@pytest.mark.parametrize(
    ("function", "name", "is_async"),
    [
        (Tools(1).times, "times", False),
        (Tools(1).later, "later", True),
        (Tools.of_class, "of_class", False),
        (Tools.of_nothing, "of_nothing", False),
        (Called(), "Called", False),
        (coroutine, "coroutine", True),
        (returns_awaitable, "returns_awaitable", True),
        (returns_coroutine, "returns_coroutine", True),
        (logged(coroutine), "coroutine", True),
        (logged(Tools(1).times), "times", False),
        (blocking(coroutine), "coroutine", True),
        (in_thread(Tools(1).times), "times", True),
        (functools.partial(two, 1), "two", False),
        (functools.partial(two, factor=1), "two", False),
        (functools.partial(functools.partial(two), 1), "two", False),
        (functools.partial(coroutine), "coroutine", True),
        (functools.partial(Called()), "Called", False),
        (cached, "cached", False),
    ],
)
async def test_callables_of_all_kinds(function: Any, name: str, is_async: bool) -> None:
    signature = read(function)
    assert (signature.name, signature.is_async) == (name, is_async)
    assert list(signature.input_schema["properties"]) == ["number"]
    assert signature.output_schema == {"type": "integer"}
    result = signature.call(*signature.decode(b'{"number": 5}'))
    assert inspect.isawaitable(result) is is_async
    assert (await result if is_async else result) == 5


def test_what_objects_say_of_themselves() -> None:
    assert read(Called()).description == "Do something."
    assert read(Called()).parameters[0].description == "how often"
    later = read(CalledLater())
    assert (later.description, later.is_async, later.context_index) == ("Do it later.", True, 1)


def test_what_a_partial_fixes_is_not_asked_for() -> None:
    def query(text: str, database: Opaque, limit: int = 5) -> Any:
        return text, database, limit

    database = Opaque()
    signature = read(functools.partial(query, database=database))
    assert list(signature.input_schema["properties"]) == ["text", "limit"]
    assert signature.call(*signature.decode(b'{"text": "a"}')) == ("a", database, 5)


def test_positional_only_parameters() -> None:
    def power(base: int, /, exponent: int = 2) -> int:
        return int(base**exponent)

    signature = read(power)
    assert signature.call(*signature.decode(b'{"base": 3}')) == 9


def test_local_types_in_text_annotations() -> None:
    @dataclass
    class Local:
        number: int

    def take(x: "Local", ctx: "Context") -> "list[Local]":
        return [x]

    assert read(take).decode(b'{"x": {"number": 1}}') == (Local(1),)


def test_a_context_imported_for_type_checkers_only() -> None:
    names: dict[str, Any] = {}
    exec("def take(a: 'int', ctx: 'Context | None' = None) -> 'str': ...", names)  # noqa: S102 -- a module without it
    assert read(names["take"]).context_index == 1


def test_a_caller_far_above_may_define_the_names() -> None:
    names: dict[str, Any] = {}
    exec("def take(order: 'Elsewhere') -> None: ...", names)  # noqa: S102 -- a module without it

    def register() -> Signature:
        return read(names["take"])

    Elsewhere = Order  # noqa: N806, F841 -- found in this frame
    assert register().decode(b'{"order": {"number": 1}}') == (Order(1),)


def test_a_function_is_called_without_a_frame_of_ours() -> None:
    signature = read(search)
    frames: list[str] = []

    def count(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            frames.append(frame.f_code.co_name)

    def plain(query: str) -> str:
        return query

    signature = read(plain)
    raw = b'{"query": "a"}'
    sys.setprofile(count)
    try:
        signature.encode(signature.call(*signature.decode(raw)))
    finally:
        sys.setprofile(None)
    assert frames == ["decode", "plain", "encode_any"]


@dataclass
class Dangling:
    inner: "Nowhere"  # type: ignore[name-defined]  # noqa: F821


def dangling(x: Dangling) -> None: ...
def dangling_union(x: Dangling | Order) -> None: ...
def dangling_result() -> list[Dangling]:
    return []


def with_rest(*rest: int) -> None: ...
def with_names(**names: int) -> None: ...
def unknown_name(x: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def hidden_name(x: "Fraction") -> None: ...
def no_type(x: "1 +") -> None: ...  # type: ignore[valid-type]  # noqa: F722
def number_as_type(x: 5) -> None: ...  # type: ignore[valid-type]
def opaque(db: Opaque) -> None: ...
def opaque_inside(db: list[Opaque]) -> None: ...
def callback(then: Callable[[int], str]) -> None: ...
def bad_constraint(x: Annotated[str, Meta(ge=1)]) -> None: ...
def opaque_result() -> Opaque:
    return Opaque()


def iterator_result() -> Iterator[int]:
    return iter([1])


def generator() -> Any:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


def undecorated(function: Any) -> Any:
    def wrapper(*values: Any, **names: Any) -> Any:
        return function(*values, **names)

    return wrapper


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: 1, "A lambda has no name"),
        (5, "'int' is int, which cannot be called"),
        (Tools, "'Tools' is a class; register a function"),
        (Tools.times, r"'times' is a method without its instance; register it as instance\.times"),
        (with_rest, r"'with_rest' takes \*rest, which no schema can name"),
        (with_names, r"'with_names' takes \*\*names"),
        (undecorated(search), r"functools\.wraps"),
        (unknown_name, "'unknown_name' has an annotation with the name 'Missing', which cannot be found"),
        (hidden_name, "'Fraction', which cannot be found; import it .* outside 'if TYPE_CHECKING'"),
        (number_as_type, "'number_as_type'"),
        (opaque, r"Parameter 'db' of 'opaque' has the type Opaque, which no JSON value becomes .* such as str"),
        (opaque_inside, r"Parameter 'db' of 'opaque_inside' has the type list\["),
        (callback, "Parameter 'then' of 'callback'"),
        (bad_constraint, "Parameter 'x' of 'bad_constraint' .*Can only set `ge` on a numeric type"),
        (opaque_result, "What 'opaque_result' returns, Opaque, cannot be sent as JSON"),
        (iterator_result, "is an iterator; return a list of what it yields"),
        (generator, "'generator' is a generator; .* return a list"),
        (async_generator, "'async_generator' is a generator"),
        (dict.get, "'get'"),
        (print, "'print'"),
        (dangling, "Parameter 'x' of 'dangling' .*name 'Nowhere' is not defined"),
        (dangling_union, "Parameter 'x' of 'dangling_union' .*name 'Nowhere' is not defined"),
        (dangling_result, "What 'dangling_result' returns, .*name 'Nowhere' is not defined"),
        (no_type, "'no_type'"),
    ],
)
def test_refused_with_what_to_change(function: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        read(function)
    assert "\n" not in str(refused.value)
