import subprocess
import sys
import warnings
from dataclasses import dataclass
from datetime import date
from inspect import Parameter
from typing import Annotated, Any, Literal

import jsonschema_rs
import msgspec
import pydantic
import pytest
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, computed_field

from dragoman.errors import UsageError
from dragoman.server import pydantic_models
from dragoman.server.encoders import ReturnError
from dragoman.server.results import read_return
from dragoman.server.returns import ToolResult
from dragoman.server.signature import ArgumentsError, read_signature


class Context:
    pass


class Address(BaseModel):
    city: str
    since: date | None = None


class User(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name: str = Field(description="how to call them")
    age: int = Field(ge=0, default=1)
    address: Address | None = Field(default=None, alias="homeAddress")


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Area(BaseModel):
    model_config = ConfigDict(extra="forbid")

    side: float
    note: str | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def size(self) -> float:
        return self.side**2


@pydantic.dataclasses.dataclass
class Point:
    x: int


@dataclass
class Plain:
    x: int


class Tree(BaseModel):
    value: int
    inner: "list[Tree]" = []


def read(function: Any) -> Any:
    signature = read_signature(function, context_type=Context)
    jsonschema_rs.meta.validate(signature.input_schema)
    return signature


def test_models_as_parameters() -> None:
    def add(user: User, others: list[User], pet: Annotated[Cat | Dog, Field(discriminator="kind")]) -> None: ...

    signature = read(add)
    assert set(signature.input_schema["$defs"]) == {"User", "Address", "Cat", "Dog"}
    assert signature.input_schema["properties"]["user"]["properties"]["name"]["description"] == "how to call them"
    user = {"name": "Ada", "homeAddress": {"city": "London", "since": "1835-07-08"}}
    sent = {"user": user, "others": [user], "pet": {"kind": "dog", "name": "Rex"}}
    ada = User(name="Ada", homeAddress=Address(city="London", since=date(1835, 7, 8)))
    assert signature.decode(msgspec.json.encode(sent)) == (ada, [ada], Dog(kind="dog", name="Rex"))
    assert jsonschema_rs.is_valid(signature.input_schema, sent)


def test_a_model_sent_as_text_is_taken() -> None:
    def add(user: User, others: list[User] | None = None) -> None: ...

    signature = read(add)
    sent = {"user": '{"name": "Ada", "age": "36"}', "others": '[{"name": "Bob"}]'}
    assert signature.decode(msgspec.json.encode(sent)) == (User(name="Ada", age=36), [User(name="Bob")])


def test_what_does_not_fit_is_one_sentence() -> None:
    def add(user: User) -> None: ...

    with pytest.raises(ArgumentsError) as refused:
        read(add).decode(b'{"user": {"age": -1}}')
    assert refused.value.message == (
        "Argument 'user': name: Field required; age: Input should be greater than or equal to 0."
    )
    with pytest.raises(ArgumentsError, match="valid dictionary"):
        read(add).decode(b'{"user": "not json"}')


def test_fields_as_defaults() -> None:
    def search(
        query: str = Field(description="what to look for", min_length=2),
        limit: int = Field(default=5, ge=1, le=9, title="Limit", examples=[3]),
        tags: list[str] = Field(default_factory=list),  # noqa: B008 -- pydantic's way
        source: str = Field("web", alias="from", json_schema_extra={"x-mcp-header": "From"}),
        code: str = Field("a1", pattern="^[a-z][0-9]$"),
    ) -> None: ...

    signature = read(search)
    properties = signature.input_schema["properties"]
    assert signature.input_schema["required"] == ["query"]
    assert properties["query"]["description"] == "what to look for"
    assert properties["query"]["minLength"] == 2
    assert properties["limit"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "title": "Limit",
        "examples": [3],
        "default": 5,
    }
    assert properties["from"] == {"type": "string", "x-mcp-header": "From", "default": "web"}
    assert properties["code"]["pattern"] == "^[a-z][0-9]$"
    assert signature.parameters[0].description == "what to look for"
    assert signature.decode(b'{"query": "ab"}') == ("ab", 5, [], "web", "a1")
    assert signature.decode(b'{"query": "ab", "from": "x", "limit": "3", "code": "b2"}') == ("ab", 3, [], "x", "b2")
    for raw in (b"{}", b'{"query": "a"}', b'{"query": "ab", "limit": 0}', b'{"query": "ab", "code": "b"}'):
        with pytest.raises(ArgumentsError):
            signature.decode(raw)


def test_fields_in_annotations() -> None:
    def search(
        limit: Annotated[int, Field(ge=1, description="how many")],
        page: Annotated[int, Field(default=1)],
        size: Annotated[int, "words", Field(le=9)] = 3,
        name: Annotated[str, StringConstraints(min_length=2)] = "ab",
        twice: Annotated[int, BeforeValidator(lambda value: value * 2), "doubled"] = 1,
        alias: Annotated[int, Field(validation_alias="other")] = 1,
        choices: Annotated[int, Field(validation_alias=AliasChoices("a", "b"))] = 1,
    ) -> None:
        """Search.

        :param limit: not this
        :param size: nor this
        """

    signature = read(search)
    properties = signature.input_schema["properties"]
    assert signature.input_schema["required"] == ["limit"]
    assert properties["limit"] == {"type": "integer", "minimum": 1, "description": "how many"}
    assert properties["page"] == {"type": "integer", "default": 1}
    assert properties["size"]["maximum"] == 9
    assert properties["name"]["minLength"] == 2
    assert properties["twice"]["description"] == "doubled"
    assert set(properties) >= {"other", "choices"}
    assert signature.decode(b'{"limit": 1, "twice": 4}') == (1, 1, 3, "ab", 8, 1, 1)
    with pytest.raises(ArgumentsError):
        signature.decode(b'{"limit": 0}')


def test_two_arguments_of_one_name_are_refused() -> None:
    def twice(a: int, b: Annotated[int, Field(alias="a")]) -> None: ...

    with pytest.raises(UsageError, match="'twice' cannot be served"):
        read(twice)


def test_the_parts_of_a_field() -> None:
    parts = pydantic_models.field_parts(int, Field(..., ge=1))
    assert parts.default is Parameter.empty
    assert parts.factory is None
    assert (parts.notes, parts.wire) == ({}, None)
    parts = pydantic_models.field_parts(int, Field(default=None, description="d", json_schema_extra=print))
    assert parts.default is None
    assert parts.notes == {"description": "d"}


def test_models_inside_types_of_ours() -> None:
    @dataclass
    class Holder:
        user: User
        point: Point

    def hold(holder: Holder) -> None: ...

    signature = read(hold)
    fields = signature.input_schema["$defs"]["Holder"]["properties"]
    assert fields["user"]["title"] == "User"
    held = signature.decode(b'{"holder": {"user": {"name": "Ada"}, "point": {"x": 1}}}')[0]
    assert (held.user, held.point) == (User(name="Ada"), Point(x=1))
    with pytest.raises(ArgumentsError, match="Field required"):
        signature.decode(b'{"holder": {"user": {}, "point": {"x": 1}}}')


def test_what_pydantic_refuses_is_refused_at_registration() -> None:
    class Opaque:
        pass

    def bad(x: Annotated[Opaque, Field(description="x")], y: list[User | Opaque]) -> None: ...

    with pytest.raises(UsageError, match=r"Parameter '[xy]' of 'bad'"):
        read(bad)

    def worse() -> User | Opaque:
        return Opaque()

    with pytest.raises(UsageError, match="What 'worse' returns"):
        read(worse)


def sent(result: Any) -> Any:
    return msgspec.json.decode(result.structured_content)


@pytest.mark.parametrize(
    ("annotation", "value", "data"),
    [
        (Address, Address(city="Rome"), {"city": "Rome", "since": None}),
        (User, User(name="Ada"), {"name": "Ada", "age": 1, "homeAddress": None}),
        (Area, Area(side=2), {"side": 2.0, "note": None, "size": 4.0}),
        (list[Address], [Address(city="Rome"), {"city": "Bonn"}], None),
        (Address | None, None, None),
        (Point, Point(1), {"x": 1}),
        (Tree, Tree(value=1, inner=[Tree(value=2)]), None),
        (dict[str, Address], {"a": {"city": "Rome"}}, {"a": {"city": "Rome", "since": None}}),
    ],
)
def test_models_as_results(annotation: Any, value: Any, data: Any) -> None:
    schema, encode = read_return("f", annotation)
    assert schema is not None
    assert "$ref" not in schema
    result = encode(value)
    assert jsonschema_rs.is_valid(schema, sent(result))
    assert data is None or sent(result) == data
    assert msgspec.json.decode(result.content[0].text) == sent(result)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Address, {"town": "Rome"}),
        (Address, None),
        (list[Address], Address(city="Rome")),
        (Area, Area(side=float("nan"))),
        (list[Area], [Area(side=1), Area(side=float("inf"))]),
        (dict[str, Area], {"a": Area(side=float("inf"))}),
        (Address, Address.model_construct(city=object())),
    ],
)
def test_results_that_do_not_fit(annotation: Any, value: Any) -> None:
    _, encode = read_return("find", annotation)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ReturnError, match="'find'"):
            encode(value)


def test_tool_results_and_models() -> None:
    _, encode = read_return("f", Address)
    assert sent(encode(ToolResult("short", Address(city="Rome")))) == {"city": "Rome", "since": None}
    with pytest.raises(ReturnError, match="does not fit"):
        encode(ToolResult("short", {"town": "Rome"}))


def test_models_without_an_annotation() -> None:
    _, encode = read_return("f", Any)
    assert sent(encode(User(name="Ada", homeAddress=Address(city="Rome")))) == {
        "name": "Ada",
        "age": 1,
        "homeAddress": {"city": "Rome", "since": None},
    }
    assert sent(encode({"p": Point(1)})) == {"p": {"x": 1}}


def test_which_annotations_are_pydantics() -> None:
    theirs: list[Any] = [User, list[User], User | None, Annotated[int, Field(ge=1)], dict[str, list[Point]]]
    for annotation in theirs:
        assert pydantic_models.owns(annotation), annotation
    ours: list[Any] = [int, Plain, list[Plain], Annotated[int, "x"], Literal["a"], Any]
    for annotation in ours:
        assert not pydantic_models.owns(annotation), annotation
    with pytest.raises(NotImplementedError):
        pydantic_models.convert(Plain, {})


WITHOUT = """
import sys
from dataclasses import dataclass
from dragoman.server.signature import read_signature

class Context: ...

@dataclass
class Order:
    number: int

def buy(order: Order, note: str | None = None) -> Order:
    return order

signature = read_signature(buy, context_type=Context)
assert signature.decode(b'{"order": {"number": "1"}}') == (Order(1), None)
signature.encode(Order(1))
try:
    signature.encode(object())
except Exception as error:
    assert "has no JSON" in str(error)
assert "pydantic" not in sys.modules
"""


def test_pydantic_is_never_imported_for_those_who_do_not_use_it() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True)
