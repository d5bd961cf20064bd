"""Where a database server is and how its connections are encrypted, from a URL and `TlsSettings`.

Knows no driver. A URL names host, port, login and database and nothing else: what is a setting stands in the
settings. No message of this module repeats a URL, because a password is in it.
"""

import ssl
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct

from dragoman import Secret
from dragoman.connectors.sql.settings import TlsSettings


class Address(Struct, frozen=True, kw_only=True):
    """A database on a server.

    Args:
        host: its name or address; empty when it is reached through a socket.
        socket: the socket, as the driver of its kind names it; empty otherwise.
        port: its port.
        user: the login.
        password: of the login; None when there is none.
        database: the database.
    """

    host: str
    port: int
    user: str
    password: str | None
    database: str
    socket: str = ""

    def __repr__(self) -> str:
        """Return it without the password."""
        return f"Address({self.user}@{self.socket or self.host}:{self.port}/{self.database})"


def address_of(url: str, schemes: tuple[str, ...], port: int) -> Address:
    """Return what a URL such as `postgresql://user:password@host:port/database` names.

    Args:
        url: the URL, perhaps secret; `?host=/folder` or `?socket=/file` names a socket.
        schemes: what it may begin with.
        port: the port when it names none.

    Raises:
        ValueError: it is of another kind or lacks a user or a database.
    """
    text = url.reveal() if isinstance(url, Secret) else url
    try:
        parts = urlsplit(text)
        named_port = parts.port
    except ValueError:
        raise ValueError("the URL of the database can't be read: its port or its host is malformed") from None
    if parts.scheme.partition("+")[0] not in schemes:
        raise ValueError(f"the URL of this database begins with {schemes[0]}://")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    socket = options.pop("socket", "") or options.pop("host", "")
    if options:
        raise ValueError(
            f"the URL of a database takes no option {next(iter(options))!r}: encryption stands in `tls`, the number of "
            "connections in `pool`, schemas in `schemas`"
        )
    database = unquote(parts.path.removeprefix("/"))
    if not parts.username or not database:
        raise ValueError(f"the URL of the database lacks a user or a database: {schemes[0]}://user@host/database")
    return Address(
        host="" if socket else parts.hostname or "127.0.0.1",
        socket=socket,
        port=named_port or port,
        user=unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        database=database,
    )


def tls_context(settings: TlsSettings) -> ssl.SSLContext | None:
    """Return how connections are encrypted; None when they are not.

    `require` encrypts without knowing for whom, unless authorities are named: then it is `verify-ca`, as in libpq.

    Raises:
        ValueError: a file of certificates or keys can't be used.
    """
    if settings.mode == "disable":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    checked = settings.mode in ("verify-ca", "verify-full") or settings.ca is not None
    context.check_hostname = settings.mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if checked else ssl.CERT_NONE
    try:
        if settings.ca is not None:
            context.load_verify_locations(settings.ca)
        elif checked:
            context.load_default_certs()
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"the files of `tls` can't be used: {error.strerror or 'not PEM'}") from None
    return context
