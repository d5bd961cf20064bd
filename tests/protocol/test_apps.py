"""MCP Apps on the wire: what may be said of a user interface, and what is refused."""

from typing import Any

import msgspec
import pytest

from dragoman import Csp, UsageError
from dragoman.protocol.apps import EXTENSION, MIME_TYPE, check_uri, declared, tool_meta, view_meta


@pytest.mark.parametrize("uri", ["ui://clock", "ui://clock/view.html", "ui://a/b/c%20d", "ui://a/@b;c=1"])
def test_uris(uri: str) -> None:
    check_uri(uri)


@pytest.mark.parametrize(
    "uri", ["", "ui://", "ui:/a", "UI://a", "http://a/b", "ui://a b", "ui://a?b", "ui://a#b", "ui://{a}", "ui://a//b"]
)
def test_what_is_no_uri_of_a_user_interface(uri: str) -> None:
    with pytest.raises(UsageError, match=r"write its URI as 'ui://clock/view\.html'"):
        check_uri(uri)


ORIGINS = [
    "https://a.example",
    "wss://a.example:8443",
    "https://*.a-b.example",
    "http://localhost:3000",
    "ws://127.0.0.1",
    "http://[::1]:1",
]


def test_a_policy_in_the_words_of_the_extension() -> None:
    policy = Csp(connect_domains=ORIGINS, resource_domains=["https://cdn.example"])
    assert msgspec.to_builtins(policy) == {"connectDomains": ORIGINS, "resourceDomains": ["https://cdn.example"]}
    assert msgspec.to_builtins(Csp(frame_domains=("https://a",), base_uri_domains={"https://b"})) == {  # type: ignore[arg-type]
        "frameDomains": ["https://a"],
        "baseUriDomains": ["https://b"],
    }


@pytest.mark.parametrize(
    "origin",
    [
        "a.example",
        "https://a.example/",
        "https://a.example/path",
        "https://*",
        "https://a.*.example",
        "http://a.example",
        "https://a.example; script-src *",
        "https://a.example 'unsafe-eval'",
        "https://a.example,https://b.example",
        "'self'",
        "data:",
        "*",
        "https://-a.example",
        "https://a.example:123456",
        "https://user@a.example",
        "https://a.example\n",
        "",
        7,
    ],
)
def test_what_is_no_origin(origin: Any) -> None:
    with pytest.raises(UsageError, match=r"connect_domains has .*write an origin as 'https://api\.example\.com'"):
        Csp(connect_domains=["https://fine.example", origin])


@pytest.mark.parametrize("origins", ["https://a.example", None, 5])
def test_origins_are_a_list(origins: Any) -> None:
    with pytest.raises(UsageError, match=r"frame_domains is .*; give a list of origins"):
        Csp(frame_domains=origins)


def test_what_a_user_interface_wants() -> None:
    assert view_meta("ui://a", None, (), None, prefers_border=None) == {}
    assert view_meta("ui://a", Csp(), (), None, prefers_border=False) == {"prefersBorder": False}
    wanted = view_meta(
        "ui://a",
        Csp(connect_domains=["https://a.example"]),
        ["camera", "microphone", "geolocation", "clipboard_write"],
        "a904.example.com",
        prefers_border=True,
    )
    assert wanted == {
        "csp": {"connectDomains": ["https://a.example"]},
        "permissions": {"camera": {}, "microphone": {}, "geolocation": {}, "clipboardWrite": {}},
        "domain": "a904.example.com",
        "prefersBorder": True,
    }
    assert view_meta("ui://a", None, "camera", None, prefers_border=None) == {"permissions": {"camera": {}}}


@pytest.mark.parametrize(
    ("csp", "permissions", "domain", "reason"),
    [
        ({"connectDomains": []}, (), None, r"app 'ui://a': csp is .*write Csp\("),
        (None, ["clipboardWrite"], None, "no permission 'clipboardWrite'; there are camera, .*, clipboard_write"),
        (None, (), "https://a.example", "domain 'https://a.example' is no host name"),
        (None, (), "", "domain '' is no host name"),
    ],
)
def test_what_it_may_not_want(csp: Any, permissions: Any, domain: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        view_meta("ui://a", csp, permissions, domain, prefers_border=None)


def test_what_a_tool_says() -> None:
    assert tool_meta("t", None, None) == {}
    assert tool_meta("t", "ui://a", None) == {"resourceUri": "ui://a"}
    assert tool_meta("t", None, ("app",)) == {"visibility": ["app"]}
    assert tool_meta("t", "ui://a", "model") == {"resourceUri": "ui://a", "visibility": ["model"]}
    with pytest.raises(UsageError, match="write its URI"):
        tool_meta("t", "clock.html", None)


@pytest.mark.parametrize("visibility", [[], ["host"], ["app", "app"], "user"])
def test_visibility_names_who_there_is(visibility: Any) -> None:
    with pytest.raises(UsageError, match=r"tool 't': visibility is .*; name 'model', 'app' or both"):
        tool_meta("t", None, visibility)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"extensions": {EXTENSION: {"mimeTypes": ["text/plain", MIME_TYPE]}}}, True),
        ({"extensions": {EXTENSION: {"mimeTypes": ["text/html"]}}}, False),
        ({"extensions": {EXTENSION: {"mimeTypes": MIME_TYPE}}}, False),
        ({"extensions": {EXTENSION: {}}}, False),
        ({"extensions": {EXTENSION: None}}, False),
        ({"extensions": {"a/b": {}}}, False),
        ({"extensions": []}, False),
        ({}, False),
        (msgspec.UNSET, False),
    ],
    ids=repr,
)
def test_whether_a_client_declared_the_extension(capabilities: Any, expected: bool) -> None:
    assert declared(capabilities) is expected
