"""Everything that an `sql` connector takes, as data: the same in `dragoman.toml` and in code.

Every field has its default and its sentence here and nowhere else. What the fields mean for a statement is
decided in `policy`, `guard` and the engines; this module knows no SQL.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from dragoman import Bytes, Seconds, SettingsError, Url
from dragoman.connectors.sql.engines.engine import SqlLimits

DataFile = Annotated[str, Meta(extra={"text": "path"})]
MaskKind = Literal["null", "partial", "hash"]
Results = Literal["text", "structured", "both"]
ParameterType = Literal["string", "integer", "number", "boolean", "date", "datetime"]


class MaskRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A mask of one's own: exactly one of the two."""

    constant: Annotated[str | int | float | bool | UnsetType, Meta(description="the value shown in every row")] = UNSET
    sql: Annotated[str | UnsetType, Meta(description="an SQL expression over the columns of the row")] = UNSET


class TablePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of one table is shown; it covers the table's partitions too."""

    allow_columns: Annotated[tuple[str, ...], Meta(description="the only columns served; empty for all")] = ()
    deny_columns: Annotated[tuple[str, ...], Meta(description="columns that are not there for callers")] = ()
    mask: Annotated[
        dict[str, MaskKind | MaskRule],
        Meta(description="column = 'null', 'partial', 'hash', { constant = ... } or { sql = ... }"),
    ] = {}
    rows: Annotated[
        str | None,
        Meta(description="a condition that rows must meet to be seen; :principal.NAME stands for the caller's"),
    ] = None


class RolePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What callers with one role see less of than the connector serves; nothing here gives them more."""

    allow: Annotated[tuple[str, ...], Meta(description="the only tables and views that are there for them")] = ()
    deny: Annotated[tuple[str, ...], Meta(description="tables and views that are not there for them")] = ()
    tables: Annotated[dict[str, TablePolicy], Meta(description="what of a table is shown to them, by its name")] = {}
    max_rows: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="most rows of one result")] = None
    max_bytes: Annotated[Annotated[Bytes, Meta(ge=1000)] | None, Meta(description="largest result, bytes of JSON")] = (
        None
    )
    timeout: Annotated[Seconds | None, Meta(description="time a statement may run, seconds")] = None

    @property
    def has_policy(self) -> bool:
        """Whether it narrows what is seen, and not only how much at one time."""
        return bool(self.allow or self.deny or self.tables)


class DeclaredParameter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One parameter of a declared query, bound and never pasted."""

    type: Annotated[ParameterType, Meta(description="what it is")] = "string"
    description: Annotated[str, Meta(description="what it means, for the model")] = ""
    default: Annotated[str | int | float | bool | None, Meta(description="its value when it is left out")] = None
    optional: Annotated[bool, Meta(description="whether it may be left out; it is NULL then, or the default")] = False
    enum: Annotated[tuple[str | int | float, ...], Meta(description="the only values taken")] = ()
    minimum: Annotated[float | None, Meta(description="the least number taken")] = None
    maximum: Annotated[float | None, Meta(description="the greatest number taken")] = None
    max_length: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="the longest text taken, characters")] = (
        None
    )


class DeclaredQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A query that an administrator wrote, served as a tool of its own."""

    sql: Annotated[str, Meta(description="the statement; :name stands for a parameter")]
    description: Annotated[str, Meta(description="what it answers, for the model")]
    title: Annotated[str, Meta(description="its title, for people")] = ""
    parameters: Annotated[dict[str, DeclaredParameter], Meta(description="its parameters by name")] = {}
    columns: Annotated[dict[str, str], Meta(description="what its columns mean, by name")] = {}
    roles: Annotated[
        tuple[str, ...], Meta(description="only callers with one of these roles see it; all when empty")
    ] = ()
    max_rows: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="most rows, instead of the connector's")
    ] = None
    max_bytes: Annotated[
        Annotated[Bytes, Meta(ge=1000)] | None, Meta(description="largest result, bytes, instead of the connector's")
    ] = None
    timeout: Annotated[Seconds | None, Meta(description="time it may run, seconds, instead of the connector's")] = None


class CostSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a plan is too dear to be run; 0 sets no limit."""

    max_rows: Annotated[int, Meta(ge=0, description="most rows the plan may expect to read")] = 0
    max_cost: Annotated[float, Meta(ge=0, description="highest cost, in the units of the database's planner")] = 0
    full_scan_rows: Annotated[int, Meta(ge=0, description="largest table that may be read from end to end, rows")] = 0
    above: Annotated[Literal["refuse", "confirm"], Meta(description="what happens above a limit")] = "refuse"


class PoolSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Connections to a database server."""

    size: Annotated[int, Meta(ge=1, le=1000, description="most connections at one time")] = 4
    waiting: Annotated[int, Meta(ge=0, description="statements that may wait for a connection")] = 32
    connect_timeout: Annotated[Seconds, Meta(description="time to open a connection, seconds")] = 5.0
    idle: Annotated[Seconds, Meta(description="time after which an unused connection is closed, seconds")] = 300.0


class TlsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Encryption of connections to a database server."""

    mode: Annotated[
        Literal["disable", "prefer", "require", "verify-ca", "verify-full"],
        Meta(description="as in libpq; verify-full checks the certificate and the host's name"),
    ] = "prefer"
    ca: Annotated[str | None, Meta(description="file of the authorities to trust, PEM", extra={"text": "path"})] = None
    certificate: Annotated[str | None, Meta(description="file of our own certificate, PEM", extra={"text": "path"})] = (
        None
    )
    key: Annotated[str | None, Meta(description="file of our own key, PEM", extra={"text": "path"})] = None


class SqlSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One database and what callers may do with it."""

    url: Annotated[
        Url, Meta(description="the database: sqlite:///, postgresql://, mysql://, duckdb:///, or a path")
    ] = ""
    files: Annotated[
        tuple[DataFile, ...] | dict[str, DataFile],
        Meta(
            description="instead of `url`, CSV, TSV, Parquet and JSON files as tables: paths and patterns such as "
            "data/*.csv, or table = path"
        ),
    ] = ()
    schemas: Annotated[tuple[str, ...], Meta(description="schemas that are served; empty for the default one")] = ()
    allow: Annotated[tuple[str, ...], Meta(description="the only tables and views served; empty for all")] = ()
    deny: Annotated[tuple[str, ...], Meta(description="tables and views that are not there for callers")] = ()
    allow_functions: Annotated[tuple[str, ...], Meta(description="functions allowed besides the known safe ones")] = ()
    tables: Annotated[dict[str, TablePolicy], Meta(description="what of a table is shown, by its name")] = {}
    roles: Annotated[
        dict[str, RolePolicy],
        Meta(description="what callers with a role see less of; the same as [roles.NAME.connectors.CONNECTOR]"),
    ] = {}
    tools: Annotated[dict[str, DeclaredQuery], Meta(description="declared queries by tool name")] = {}
    max_rows: Annotated[int, Meta(ge=1, description="most rows of one result")] = 200
    max_bytes: Annotated[Bytes, Meta(ge=1000, description="largest result, bytes of JSON")] = 1_000_000
    max_cell_bytes: Annotated[Bytes, Meta(ge=16, description="longest cell; longer ones are cut, bytes")] = 64 * 1024
    max_value_bytes: Annotated[Bytes, Meta(ge=1024, description="largest value a statement may build, bytes")] = (
        16 * 2**20
    )
    max_memory_bytes: Annotated[Bytes, Meta(ge=8 * 2**20, description="memory one statement may take, bytes")] = (
        64 * 2**20
    )
    timeout: Annotated[Seconds, Meta(description="time a statement may run, seconds")] = 5.0
    results: Annotated[Results, Meta(description="what results are sent as")] = "both"
    keep_rows: Annotated[int, Meta(ge=0, description="rows of a cut result kept as a resource; 0 for none")] = 0
    keep_bytes: Annotated[Bytes, Meta(ge=1000, le=32 * 2**20, description="largest kept result, bytes of JSON")] = (
        8_000_000
    )
    keep_seconds: Annotated[Seconds, Meta(description="time a cut result is kept, seconds")] = 600.0
    cost: Annotated[CostSettings, Meta(description="when a plan is too dear")] = CostSettings()
    pool: Annotated[PoolSettings, Meta(description="connections to a database server")] = PoolSettings()
    tls: Annotated[TlsSettings, Meta(description="encryption of connections")] = TlsSettings()
    write: Annotated[Literal["off", "confirm"], Meta(description="whether tools may change rows, and how")] = "off"
    write_tables: Annotated[tuple[str, ...], Meta(description="the only tables that may be written")] = ()
    write_verbs: Annotated[
        tuple[Literal["insert", "update", "delete"], ...], Meta(description="the only statements that may write")
    ] = ("insert", "update", "delete")
    max_write_rows: Annotated[int, Meta(ge=1, description="most rows that one batch may change")] = 100

    def __post_init__(self) -> None:
        """Hold the settings to one database.

        Raises:
            SettingsError: there is none, or there are two.
        """
        if not self.url and not self.files:
            raise SettingsError("is missing; name the database, or data files with `files`", path=("url",))
        if self.url and self.files:
            raise SettingsError("stands beside `url`; a connector has one of them", path=("files",))
        if self.files and self.schemas:
            raise SettingsError("is of no use: tables that are files have no schema", path=("schemas",))

    def limits(self) -> SqlLimits:
        """Return what one statement may use."""
        return SqlLimits(
            seconds=self.timeout,
            rows=self.max_rows,
            result_bytes=self.max_bytes,
            cell_bytes=self.max_cell_bytes,
            value_bytes=self.max_value_bytes,
            memory_bytes=self.max_memory_bytes,
            parallel=self.pool.size,
            waiting=self.pool.waiting,
        )

    @property
    def declared_statements(self) -> tuple[str, ...]:
        """The texts of the declared queries."""
        return tuple(query.sql for query in self.tools.values())

    @property
    def has_policy(self) -> bool:
        """Whether anything narrows what is served: then relations of other kinds than tables must be named."""
        return bool(self.allow or self.deny or self.tables)
