"""The messages of the two limits: the JSON that Dragoman takes and gives for one call, and nothing of the protocol.

Same members, same order, same number of bytes; tests of the harness compare them with what Dragoman answers.
"""

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import UNSET, Raw, Struct, UnsetType, json

Arguments = TypeVar("Arguments")


class Params(Struct, Generic[Arguments]):
    """What names a tool and carries its arguments."""

    name: str
    arguments: Arguments


class Request(Struct, Generic[Arguments]):
    """A request."""

    id: int | str
    method: str
    params: Params[Arguments]


class Add(Struct):
    """The arguments of `add`."""

    a: int
    b: int


class Measure(Struct):
    """The arguments of `measure`."""

    text: str


class Text(Struct):
    """A piece of text."""

    type: str
    text: str


class Result(Struct, rename="camel"):
    """What a call gives."""

    result_type: str
    _meta: Raw
    content: list[Text]
    structured_content: int | UnsetType


class Reply(Struct):
    """An answer."""

    jsonrpc: str
    id: int | str
    result: Result


META = Raw(json.encode({"io.modelcontextprotocol/serverInfo": {"name": "bench", "version": "1"}}))
BIG = "x" * 2**20
ENCODE = json.Encoder().encode
DECODE_ADD = json.Decoder(Add).decode
DECODE_MEASURE = json.Decoder(Measure).decode
DECODE_CALL_OF_ADD = json.Decoder(Request[Add]).decode
DECODE_CALL = json.Decoder(Request[Raw]).decode


def answer_add(body: bytes) -> bytes:
    """Add, where nothing else is served: one decode and one encode."""
    request = DECODE_CALL_OF_ADD(body)
    arguments = request.params.arguments
    value = arguments.a + arguments.b
    return ENCODE(Reply("2.0", request.id, Result("complete", META, [Text("text", str(value))], value)))


def answer_any(body: bytes) -> bytes:
    """Do what the named tool does."""
    request = DECODE_CALL(body)
    arguments: Any = request.params.arguments
    value: int | UnsetType = UNSET
    if request.params.name == "big":
        text = BIG
    elif request.params.name == "measure":
        value = len(DECODE_MEASURE(arguments).text)
        text = str(value)
    else:
        numbers = DECODE_ADD(arguments)
        value = numbers.a + numbers.b
        text = str(value)
    return ENCODE(Reply("2.0", request.id, Result("complete", META, [Text("text", text)], value)))


answer: Callable[[bytes], bytes] = answer_any if os.environ.get("BENCH_SET") == "all" else answer_add
