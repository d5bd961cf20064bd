"""One connection to MySQL or MariaDB: the driver's way in, and our own way of reading rows.

aiomysql makes the connection; it would take several statements at once, send a password in the clear to whoever
asks, and read a row whole whatever its size. Here it may not: one statement, no files, no password outside of
encryption, and of a long cell only the beginning is kept (security invariants P16 and P6). What is used of the
driver beyond its documented names is used here and nowhere else.
"""

import ssl
import struct
from typing import Any

import aiomysql
from aiomysql.connection import MySQLResult
from pymysql.constants import CLIENT
from pymysql.protocol import EOFPacketWrapper, FieldDescriptorPacket, MysqlPacket

from dragoman.connectors.sql.engines.engine import EngineFault
from dragoman.connectors.sql.engines.mysql_values import Long

RESET_CONNECTION = 0x1F
QUERY = 0x03
SMALL_PACKET = 2**18
LARGEST_PACKET = 0xFFFFFF
CHUNK = 2**16
MORE_RESULTS = 0x8
_REFUSED_FLAGS = CLIENT.MULTI_STATEMENTS | CLIENT.LOCAL_FILES


class Session(aiomysql.Connection):  # type: ignore[misc]
    """A connection that runs one statement at a time.

    Args:
        tls: how it is encrypted, or None.
        tls_required: whether a server without encryption is refused.
        arguments: what the driver takes besides.
    """

    def __init__(self, *, tls: ssl.SSLContext | None, tls_required: bool, **arguments: Any) -> None:
        super().__init__(ssl=tls, charset="utf8mb4", autocommit=None, local_infile=False, **arguments)
        self.client_flag &= ~_REFUSED_FLAGS
        self._tls_required = tls_required
        self.running = False
        self.broken = False

    async def open(self) -> None:
        """Connect and log in."""
        await self._connect()

    @property
    def usable(self) -> bool:
        """Whether it may be used for another statement."""
        return self._writer is not None and not self.broken and not self.running and not self._reader.at_eof()

    async def _request_authentication(self) -> None:
        if self._tls_required and not self.server_capabilities & CLIENT.SSL:
            raise ConnectionRefusedError("the server offers no encryption")
        await super()._request_authentication()

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        if plugin_name in (b"mysql_clear_password", b"mysql_old_password") and not self._secure:
            raise ConnectionRefusedError("the server asks for the password in the clear")
        return await super()._process_auth(plugin_name, auth_packet)

    async def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement of ours and return its rows as text and numbers; for small answers."""
        self.running = True
        await self._execute_command(QUERY, sql.encode())
        result = MySQLResult(self)
        await result.read()
        self.running = False
        return list(result.rows or ())

    async def reset(self) -> None:
        """Make it as it was when it was new: no transaction, no locks, no variables, no temporary tables."""
        self.running = True
        await self._execute_command(RESET_CONNECTION, b"")
        await self._read_ok_packet()
        self.running = False

    async def start(self, sql: str, cell_bytes: int, row_bytes: int) -> "Rows":
        """Send a statement and return its rows, of which none has been read yet.

        Raises:
            EngineFault: it is no query.
        """
        self.running = True
        await self._execute_command(QUERY, sql.encode())
        first = await self._read_packet()
        if first.is_ok_packet() or first.is_load_local_packet():
            self.broken = True
            raise EngineFault("refused", "not a query")
        fields = [await self._read_packet(FieldDescriptorPacket) for _ in range(first.read_length_encoded_integer())]
        self._check_end(await self._read_packet())
        return Rows(self, fields, cell_bytes, row_bytes)

    def _check_end(self, packet: Any) -> EOFPacketWrapper:
        end = EOFPacketWrapper(packet)
        if end.server_status & MORE_RESULTS:
            self.broken = True
            raise EngineFault("refused", "several results")
        return end


class Rows:
    """The rows of a running statement.

    Args:
        session: the connection it runs on.
        fields: its columns, as the driver describes them.
        cell_bytes: how much of a cell is kept.
        row_bytes: how much of a row is kept.
    """

    def __init__(self, session: Session, fields: list[Any], cell_bytes: int, row_bytes: int) -> None:
        self.fields = fields
        self.warnings = 0
        self._session = session
        self._cell_bytes = cell_bytes
        self._row_bytes = row_bytes
        self._left = 0
        self._last = True

    async def next(self) -> list[bytes | Long | None] | None:
        """Return the next row, or None behind the last one.

        Raises:
            EngineFault: `wide_row` when more than a row's size would have to be kept.
        """
        session = self._session
        await self._begin_packet()
        if self._last and self._left <= SMALL_PACKET:
            payload = await session._read_bytes(self._left)  # noqa: SLF001 (this module's own border, as above)
            if payload[:1] == b"\xff" or (payload[:1] == b"\xfe" and len(payload) < 9):  # noqa: PLR2004 (protocol)
                self._end(payload)
                return None
            return self._parse(payload)
        return await self._stream()

    def _end(self, payload: bytes) -> None:
        """Take the packet behind the last row; an error there is raised as the driver raises it."""
        packet = MysqlPacket(payload, self._session.encoding)
        self._session.running = False
        packet.check_error()
        self.warnings = self._session._check_end(packet).warning_count  # noqa: SLF001

    def _parse(self, payload: bytes) -> list[bytes | Long | None]:
        row: list[bytes | Long | None] = []
        place, end = 0, len(payload)
        while place < end:
            first = payload[place]
            place += 1
            if first == 0xFB:  # noqa: PLR2004 (NULL of the protocol)
                row.append(None)
                continue
            width = _WIDTHS.get(first, 0)
            length = int.from_bytes(payload[place : place + width], "little") if width else first
            place += width
            kept = payload[place : place + min(length, self._cell_bytes)]
            row.append(kept if length <= self._cell_bytes else Long(length, kept))
            place += length
        return row

    async def _stream(self) -> list[bytes | Long | None]:
        """Read a large row piece by piece, and keep of each cell what is shown of it."""
        row: list[bytes | Long | None] = []
        room = self._row_bytes
        while len(row) < len(self.fields):
            first = (await self._read(1))[0]
            if first == 0xFB:  # noqa: PLR2004 (NULL of the protocol)
                row.append(None)
                continue
            width = _WIDTHS.get(first, 0)
            length = int.from_bytes(await self._read(width), "little") if width else first
            kept = await self._read(min(length, self._cell_bytes))
            await self._skip(length - len(kept))
            room -= len(kept)
            if room < 0:
                raise EngineFault("wide_row")
            row.append(kept if length <= self._cell_bytes else Long(length, kept))
        return row

    async def _begin_packet(self) -> None:
        header = await self._session._read_bytes(4)  # noqa: SLF001
        low, high, number = struct.unpack("<HBB", header)
        if number != self._session._next_seq_id:  # noqa: SLF001
            self._session.broken = True
            raise ConnectionResetError("packets out of order")
        self._session._next_seq_id = (number + 1) % 256  # noqa: SLF001
        self._left = low + (high << 16)
        self._last = self._left < LARGEST_PACKET

    async def _read(self, length: int) -> bytes:
        parts = []
        while length:
            if not self._left:
                await self._begin_packet()
            some = await self._session._read_bytes(min(length, self._left, CHUNK))  # noqa: SLF001
            self._left -= len(some)
            length -= len(some)
            parts.append(some)
        return b"".join(parts)

    async def _skip(self, length: int) -> None:
        while length:
            length -= len(await self._read(min(length, CHUNK)))


_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
