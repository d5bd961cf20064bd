"""What every HTTP request must pass before anything reads it: size, Host, Origin, content type.

Deny by default: an empty list of names denies. The decision rests on the raw header fields alone, and a field that
decides something may be there only once.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Final

from dragoman.errors import HeaderMismatch, HttpFault
from dragoman.limits import Limits

Headers = dict[bytes, bytes]

CLOSE: Final = ((b"connection", b"close"),)
_LOOPBACK: Final = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
_ONCE: Final = frozenset({b"host", b"origin", b"content-type", b"content-length", b"authorization"})
_LOCAL_ORIGIN: Final = re.compile(rb"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
_MOST_KNOWN: Final = 64  # header values remembered as good


class Guard:
    """The checks of one endpoint.

    Args:
        limits: sizes of the header section and the URL.
        hosts: host names to accept besides the loopback ones, on any port or, with a port, on that one; `*` accepts
            every host.
        origins: origins to accept besides loopback ones, such as `https://app.example.com`.
    """

    def __init__(self, limits: Limits, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._limits = limits
        names = {_as_sent(host) for host in hosts}
        self._any_host = b"*" in names
        self._hosts = (_LOOPBACK | names) - {b""}
        self._origins = frozenset(origin.strip().rstrip("/").lower().encode() for origin in origins) - {b""}
        self._known_hosts: set[bytes] = set()  # Host values seen and accepted, at most _MOST_KNOWN
        self._known_accepts: set[bytes] = set()  # likewise Accept values

    def check(self, scope: Any, *, frame_only: bool = False) -> Headers:
        """Let a request pass or refuse it.

        Args:
            scope: the request.
            frame_only: look at sizes and Host only, which hold whatever is asked.

        Returns:
            The header fields, names in lower case.

        Raises:
            HttpFault: 400, 403, 406, 414, 415 or 431, with a sentence.
            HeaderMismatch: a field that mirrors the body is there twice.
        """
        fields: list[tuple[bytes, bytes]] = scope["headers"]
        limits = self._limits
        headers: Headers = dict(fields)
        if len(fields) > limits.header_count:
            raise HttpFault(431, f"Too many header fields: at most {limits.header_count} are taken.")
        if len(headers) != len(fields):
            headers = self._join(fields)
        if sum(map(len, headers)) + sum(map(len, headers.values())) > limits.header_bytes:
            raise HttpFault(431, f"Header section too large: at most {limits.header_bytes} bytes are taken.")
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > limits.url_bytes:
            raise HttpFault(414, f"URL too long: at most {limits.url_bytes} bytes are taken.")
        host = headers.get(b"host")
        if host not in self._known_hosts:
            self._check_host(host)
        if frame_only:
            return headers
        if b"origin" in headers:
            self._check_origin(headers[b"origin"])
        if scope["method"] == "POST" and (
            headers.get(b"content-type") != b"application/json"
            or headers.get(b"accept", b"*/*") not in self._known_accepts
        ):
            self._check_post(headers)
        return headers

    def _join(self, fields: list[tuple[bytes, bytes]]) -> Headers:
        """Join repeated fields (RFC 9110, 5.3), but refuse a repeated field that decides something."""
        joined: Headers = {}
        for name, value in fields:
            if name in joined and (name in _ONCE or name.startswith(b"mcp-")):
                message = f"The header {name.decode('latin-1')[:128]} is there twice; send it once."
                raise HttpFault(400, message) if name in _ONCE else HeaderMismatch(message)
            joined[name] = joined[name] + b", " + value if name in joined else value
        return joined

    def _check_host(self, host: bytes | None) -> None:
        if host is None:
            raise HttpFault(400, "The Host header is missing.")
        if not self._any_host and host_name(host) not in self._hosts and host.strip().lower() not in self._hosts:
            shown = host.decode("latin-1")[:128]
            message = f"Host '{shown}' is not served here. To serve it, name it: allowed_hosts, or --allow-host."
            raise HttpFault(403, message)
        if len(self._known_hosts) < _MOST_KNOWN:
            self._known_hosts.add(host)

    def _check_origin(self, origin: bytes) -> None:
        lowered = origin.strip().lower()
        if lowered not in self._origins and not _LOCAL_ORIGIN.fullmatch(lowered):
            shown = origin.decode("latin-1")[:128]
            message = (
                f"Origin '{shown}' may not use this server. To let it, name it: allowed_origins, or --allow-origin."
            )
            raise HttpFault(403, message)

    def _check_post(self, headers: Headers) -> None:
        _check_content_type(headers.get(b"content-type", b""))
        accept = headers.get(b"accept", b"*/*")
        kinds = {part.partition(b";")[0].strip().lower() for part in accept.split(b",")}
        if not kinds & {b"application/json", b"application/*", b"*/*"}:
            raise HttpFault(406, "Accept must list application/json and text/event-stream.")
        if len(self._known_accepts) < _MOST_KNOWN:
            self._known_accepts.add(accept)


def takes_events(headers: Headers) -> bool:
    """Whether the client takes an event stream as an answer."""
    accept = headers.get(b"accept", b"*/*")
    return b"text/event-stream" in accept or b"*/*" in accept or b"text/*" in accept


def host_name(host: bytes) -> bytes:
    """The name in a Host field, lower case, without its port; empty where it is malformed (RFC 9110, 7.2)."""
    name = host.strip().lower()
    if name.startswith(b"["):
        name, bracket, port = name.partition(b"]")
        if not bracket or (port and not (port.startswith(b":") and port[1:].isdigit())):
            return b""
        return name + b"]"
    name, colon, port = name.partition(b":")
    return b"" if colon and not port.isdigit() else name


def refused_length(length: bytes, most: int) -> HttpFault:
    """What a Content-Length is answered with that is no number or too large."""
    if not length.isdigit():
        return HttpFault(400, "Content-Length must be a number.", CLOSE)
    return HttpFault(413, f"Body too large: at most {most} bytes are taken.")


def is_loopback(host: str) -> bool:
    """Whether an address or name to listen on stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _as_sent(host: str) -> bytes:
    """A name that the user allows, as a Host field has it: lower case, an IPv6 address in brackets."""
    name = host.strip().lower()
    try:
        return f"[{ip_address(name)}]".encode() if ":" in name else name.encode()
    except ValueError:
        return name.encode()


def _check_content_type(content_type: bytes) -> None:
    if content_type.partition(b";")[0].strip().lower() != b"application/json":
        raise HttpFault(415, "Content-Type must be application/json.")
