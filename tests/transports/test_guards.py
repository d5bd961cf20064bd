"""Who may speak to a server at all: the tables of names that reach it, and of those that look as if they did."""

from typing import Any

import pytest

from dragoman.errors import HeaderMismatch, HttpFault
from dragoman.limits import Limits
from dragoman.transports.guards import Guard, host_name, is_loopback, takes_events

GOOD = [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json"), (b"accept", b"application/json")]


def scope(*fields: tuple[bytes, bytes], method: str = "POST", **more: Any) -> dict[str, Any]:
    known = {"raw_path": b"/mcp", "query_string": b"", "method": method} | more
    names = {name for name, _ in fields}
    return known | {"headers": [*(pair for pair in GOOD if pair[0] not in names), *fields]}


def guard(*hosts: str, origins: tuple[str, ...] = (), **limits: Any) -> Guard:
    return Guard(Limits(**limits), hosts, origins)


def refusal(checked: Guard, asked: dict[str, Any]) -> int:
    with pytest.raises(HttpFault) as caught:
        checked.check(asked)
    assert caught.value.message.endswith(".")
    return caught.value.status


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LocalHost:1",
        "127.0.0.1",
        "127.0.0.1:65535",
        "[::1]",
        "[::1]:8000",
        " localhost ",
    ],
)
def test_loopback_hosts_are_served(host: str) -> None:
    assert guard().check(scope((b"host", host.encode())))[b"host"] == host.encode()


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "localhost.evil.com",
        "localhost.evil.com:8000",
        "127.0.0.1.nip.io",
        "127.0.0.1.evil.com:8000",
        "evil.com:8000@localhost",
        "localhost@evil.com",
        "localhost:8000@evil.com",
        "user:pass@localhost",
        "localhost:",
        "localhost:http",
        "localhost:80:80",
        "localhost.",
        "127.0.0.1.",
        "127.1",
        "127.0.0.2",
        "0.0.0.0",  # noqa: S104
        "0",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "::1",
        "[::1",
        "[::1]evil.com",
        "[::1]:8000@evil.com",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "[::1%25lo]",
        "[fe80::1]",
        "localhost\tevil.com",
        "localhost/evil.com",
        "localhost, evil.com",
        "localhost#",
        "localhost?",
        "\u0142ocalhost",
        "localho\u0455t",
        "*",
        "",
        ":",
        "]",
        "x" * 5000,
    ],
)
def test_what_only_looks_like_loopback_is_refused(host: str) -> None:
    assert refusal(guard(), scope((b"host", host.encode()))) == 403


def test_a_missing_host_is_refused_even_where_every_host_is_served() -> None:
    asked = scope()
    asked["headers"] = GOOD[1:]
    assert refusal(guard("*"), asked) == 400


@pytest.mark.parametrize(
    ("allowed", "host", "served"),
    [
        ("mcp.example.com", "mcp.example.com", True),
        ("mcp.example.com", "MCP.Example.com:443", True),
        (" MCP.example.com ", "mcp.example.com", True),
        ("mcp.example.com", "xmcp.example.com", False),
        ("mcp.example.com", "mcp.example.com.evil.com", False),
        ("mcp.example.com", "example.com", False),
        ("mcp.example.com:8443", "mcp.example.com:8443", True),
        ("mcp.example.com:8443", "mcp.example.com", False),
        ("mcp.example.com:8443", "mcp.example.com:80", False),
        ("fd00::5", "[fd00::5]:8000", True),
        ("[fd00::5]", "[fd00::5]", True),
        ("FD00:0::5", "[fd00::5]", True),
        ("*.example.com", "mcp.example.com", False),
        ("", "", False),
        ("", "localhost:", False),
        ("*", "whatever.example", True),
    ],
)
def test_named_hosts(allowed: str, host: str, served: bool) -> None:
    asked = scope((b"host", host.encode()))
    if served:
        guard(allowed).check(asked)
    else:
        assert refusal(guard(allowed), asked) == 403


def test_loopback_is_served_besides_named_hosts() -> None:
    guard("mcp.example.com").check(scope())


@pytest.mark.parametrize(
    "origin",
    ["http://localhost", "https://localhost:3000", "HTTP://LOCALHOST:80", "http://127.0.0.1:8000", "http://[::1]:5"],
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS"])
def test_loopback_origins_are_served(origin: str, method: str) -> None:
    guard().check(scope((b"origin", origin.encode()), method=method))


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.com",
        "http://localhost.evil.com",
        "http://127.0.0.1.nip.io",
        "http://localhost@evil.com",
        "http://evil.com@localhost",
        "http://localhost:80@evil.com",
        "http://evil.com#localhost",
        "http://evil.com?http://localhost",
        "http://localhost\\.evil.com",
        "http://localhost/evil",
        "http://localhost\t",
        "http://local\thost",
        "http://localhost:",
        "http://localhost:x",
        "http://localhost:999999",
        "http://localhost.",
        "http://[::1",
        "http://[::ffff:127.0.0.1]",
        "http://127.1",
        "http://2130706433",
        "ftp://localhost",
        "file://localhost",
        "file://",
        "chrome-extension://localhost",
        "localhost",
        "//localhost",
        "http:localhost",
        "javascript:alert(1)",
        "http://localhost http://evil.com",
        "http://localh\u00f6st",
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_other_origins_are_refused_on_every_method(origin: str, method: str) -> None:
    asked = scope((b"origin", origin.encode()), method=method)
    if origin == "http://localhost\t":  # white space around a field is not part of it
        guard().check(asked)
    else:
        assert refusal(guard(), asked) == 403


@pytest.mark.parametrize(
    ("allowed", "origin", "served"),
    [
        ("https://app.example.com", "https://app.example.com", True),
        ("https://App.example.com/", "https://app.EXAMPLE.com", True),
        ("https://app.example.com", "http://app.example.com", False),
        ("https://app.example.com", "https://app.example.com:8443", False),
        ("https://app.example.com", "https://app.example.com.evil.com", False),
        ("", "", False),
        ("*", "https://evil.com", False),
    ],
)
def test_named_origins(allowed: str, origin: str, served: bool) -> None:
    asked = scope((b"origin", origin.encode()))
    if served:
        guard(origins=(allowed,)).check(asked)
    else:
        assert refusal(guard(origins=(allowed,)), asked) == 403


def test_an_origin_is_never_excused_by_an_equal_host() -> None:
    asked = scope((b"host", b"evil.com"), (b"origin", b"http://evil.com"))
    assert refusal(guard(), asked) == 403
    assert refusal(guard("evil.com"), asked) == 403


@pytest.mark.parametrize("name", [b"host", b"origin", b"content-type", b"content-length", b"authorization"])
def test_a_field_that_decides_is_there_once(name: bytes) -> None:
    assert refusal(guard(), scope((name, b"localhost"), (name, b"localhost"))) == 400


@pytest.mark.parametrize("name", [b"mcp-protocol-version", b"mcp-method", b"mcp-session-id", b"mcp-param-region"])
def test_a_field_that_mirrors_the_body_is_there_once(name: bytes) -> None:
    with pytest.raises(HeaderMismatch):
        guard().check(scope((name, b"a"), (name, b"a")))


def test_other_fields_are_joined() -> None:
    headers = guard().check(scope((b"accept", b"text/event-stream"), (b"accept", b"application/json")))
    assert headers[b"accept"] == b"text/event-stream, application/json"


def test_sizes() -> None:
    small = guard(header_count=16, header_bytes=1024, url_bytes=64)
    small.check(scope(*((b"x%d" % number, b"") for number in range(13)), raw_path=b"p" * 60, query_string=b"q" * 4))
    assert refusal(small, scope(*((b"x%d" % number, b"") for number in range(14)))) == 431
    assert refusal(small, scope((b"x", b"y" * 1024))) == 431
    assert refusal(small, scope(raw_path=b"p" * 60, query_string=b"q" * 5)) == 414
    small.check(scope(raw_path=None))


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/json ;x=y", True),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=application/json", False),
        ("application/jsonx", False),
        ("", False),
    ],
)
def test_content_types(content_type: str, taken: bool) -> None:
    asked = scope((b"content-type", content_type.encode()))
    if taken:
        guard().check(asked)
    else:
        assert refusal(guard(), asked) == 415


def test_the_content_type_counts_for_a_body_only() -> None:
    guard().check(scope((b"content-type", b"text/plain"), method="GET"))


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ("application/json, text/event-stream", True),
        ("APPLICATION/JSON;q=0.5", True),
        ("application/*", True),
        ("*/*", True),
        ("text/event-stream", False),
        ("text/html", False),
        ("", False),
    ],
)
def test_accept(accept: str, taken: bool) -> None:
    asked = scope((b"accept", accept.encode()))
    if taken:
        guard().check(asked)
    else:
        assert refusal(guard(), asked) == 406


def test_accept_may_be_left_out() -> None:
    asked = scope()
    asked["headers"] = GOOD[:2]
    guard().check(asked)


def test_what_is_remembered_as_good_is_bounded_and_never_excuses_another() -> None:
    busy = guard("*")
    for number in range(200):
        busy.check(scope((b"host", b"h%d" % number), (b"accept", b"*/*;q=0.%d" % number)))
    assert len(busy._known_hosts) <= 64  # noqa: SLF001 - a bound on memory
    assert len(busy._known_accepts) <= 64  # noqa: SLF001
    strict = guard()
    strict.check(scope())
    assert refusal(strict, scope((b"host", b"evil.com"))) == 403


@pytest.mark.parametrize(
    ("accept", "takes"),
    [(b"text/event-stream", True), (b"*/*", True), (b"text/*", True), (b"application/json", False), (None, True)],
)
def test_takes_events(accept: bytes | None, takes: bool) -> None:
    assert takes_events({} if accept is None else {b"accept": accept}) is takes


def test_host_name() -> None:
    assert host_name(b"Example.com:80") == b"example.com"
    assert host_name(b"[::1]:80") == b"[::1]"
    assert host_name(b"[::1") == b""


@pytest.mark.parametrize(
    ("address", "stays"),
    [("localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("0.0.0.0", False),  # noqa: S104
     ("192.168.0.1", False), ("example.com", False), ("", False), ("::", False)],
)  # fmt: skip
def test_is_loopback(address: str, stays: bool) -> None:
    assert is_loopback(address) is stays
