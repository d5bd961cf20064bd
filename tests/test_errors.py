"""The error tree: what each class puts on the wire, and that nothing outside of it can."""

import inspect
import pickle
from typing import TypeVar

import pytest

from dragoman import errors
from dragoman.errors import (
    ClientError,
    ConnectionFault,
    DragomanError,
    Fault,
    HeaderMismatch,
    HttpFault,
    InsufficientScope,
    InternalFault,
    InvalidParams,
    InvalidRequest,
    MethodNotFound,
    MissingCapability,
    ParseFault,
    RequestTimeout,
    ResourceNotFound,
    ServerFault,
    StoredFault,
    ToolCallError,
    ToolError,
    TooMany,
    UnsupportedRevision,
    UsageError,
)

T = TypeVar("T")

# Base protocol, Error Codes; Streamable HTTP, Server Validation (2026-07-28).
FAULTS = {
    ParseFault: (-32700, 400),
    InvalidRequest: (-32600, 400),
    MethodNotFound: (-32601, 404),
    InvalidParams: (-32602, 400),
    ResourceNotFound: (-32602, 400),
    InsufficientScope: (-32602, 403),
    InternalFault: (-32603, 500),
    HeaderMismatch: (-32020, 400),
    MissingCapability: (-32021, 400),
    UnsupportedRevision: (-32022, 400),
    TooMany: (429, 429),
}
OWN = {429}  # outside of -32768 to -32000, as the specification wants of codes that it doesn't define
STANDARD = {-32700, -32600, -32601, -32602, -32603}
DEFINED = {-32020, -32021, -32022}


def subclasses(cls: type[T]) -> set[type[T]]:
    found = {cls}
    for child in cls.__subclasses__():
        found |= subclasses(child)
    return found


@pytest.mark.parametrize(("fault", "expected"), FAULTS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_decides_code_and_status(fault: type[Fault], expected: tuple[int, int]) -> None:
    assert (fault.code, fault.status) == expected


def test_every_fault_is_in_the_table_and_here() -> None:
    assert subclasses(Fault) - {Fault, StoredFault} == set(FAULTS)


def test_a_stored_fault_tells_the_code_of_the_one_it_was() -> None:
    fault = StoredFault(-32021, "What was wrong.", [1])
    assert (fault.code, fault.message, fault.data) == (-32021, "What was wrong.", [1])
    assert StoredFault.code == Fault.code


def test_no_code_is_emitted_that_the_specification_forbids() -> None:
    assert {fault.code for fault in subclasses(Fault)} <= STANDARD | DEFINED | OWN


def test_everything_is_one_tree_and_drawn_at_the_top() -> None:
    found = {cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, BaseException)}
    assert found <= subclasses(DragomanError)
    drawn = inspect.getdoc(errors) or ""
    for cls in found:
        assert f"{cls.__name__} " in drawn or f"{cls.__name__}\n" in drawn
        assert cls.__doc__


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {ResourceNotFound, InsufficientScope, TooMany}, key=str))
def test_a_fault_carries_its_sentence_and_data(fault: type[Fault]) -> None:
    plain, full = fault("What is wrong."), fault("What is wrong.", {"a": 1})
    assert (plain.message, plain.data, str(plain)) == ("What is wrong.", None, "What is wrong.")
    assert full.data == {"a": 1}


@pytest.mark.parametrize(("wait", "seconds"), [(0.01, 1), (1.0, 1), (59.2, 60)])
def test_who_comes_too_often_is_told_when_to_come_back(wait: float, seconds: int) -> None:
    fault = TooMany("Too much.", wait)
    assert fault.message == f"Too much. Come back in {seconds} s."
    assert fault.data == {"retryAfter": seconds}
    assert fault.headers == ((b"retry-after", b"%d" % seconds),)


def test_a_credential_without_scopes_is_told_all_that_are_needed() -> None:
    fault = InsufficientScope({"write", "read"})
    assert (fault.message, fault.scopes) == ("This needs a credential with more scopes: read write.", ("read", "write"))


def test_a_resource_that_is_not_there_names_its_uri() -> None:
    fault = ResourceNotFound("a://b")
    assert (fault.message, fault.data, fault.uri) == ("Resource not found", {"uri": "a://b"}, "a://b")
    assert isinstance(fault, InvalidParams)


def test_an_http_fault_carries_what_the_answer_needs() -> None:
    fault = HttpFault(405, "Send POST.", ((b"allow", b"POST"),))
    assert (fault.status, fault.message, fault.headers, str(fault)) == (
        405,
        "Send POST.",
        ((b"allow", b"POST"),),
        "Send POST.",
    )
    assert HttpFault(413, "Too large.").headers == ()
    assert not isinstance(fault, Fault)


def test_a_tool_error_is_no_fault() -> None:
    error = ToolError("Try again.")
    assert (error.message, str(error)) == ("Try again.", "Try again.")
    assert not isinstance(error, Fault)


def test_what_the_client_raises() -> None:
    fault = ServerFault(-32601, "No such method", [1])
    assert (fault.code, fault.message, fault.data, str(fault)) == (
        -32601,
        "No such method",
        [1],
        "No such method (code -32601)",
    )
    assert ServerFault(1, "m").data is None
    for cls in (ServerFault, ToolCallError, ConnectionFault):
        assert issubclass(cls, ClientError)
        assert not issubclass(cls, Fault)


def test_what_a_server_says_moves_no_cursor() -> None:
    said = "a\x1b[31mb\tc\nd\r\x7f\x9b\u202ee"
    for fault in (ServerFault(1, said), ToolCallError(said), ConnectionFault(said), RequestTimeout(said)):
        assert str(fault).startswith("a\\x1b[31mb\tc\nd\\r\\x7f\\x9b\\u202ee")
    assert ServerFault(1, said).message == said


def test_a_timeout_is_both_kinds_of_error() -> None:
    assert issubclass(RequestTimeout, ConnectionFault)
    assert issubclass(RequestTimeout, TimeoutError)
    assert str(RequestTimeout("too late")) == "too late"


def test_a_usage_error_is_caught_with_all_others() -> None:
    with pytest.raises(DragomanError, match="change it"):
        raise UsageError("change it")


@pytest.mark.parametrize("error", [ParseFault("m"), ToolError("m"), UsageError("m"), ConnectionFault("m")])
def test_errors_cross_processes(error: DragomanError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert str(copy) == "m"
