"""Every role against everything there is: what is allowed is there, and what is not can't be told from what never was.

One configuration with four roles over the music shop and a folder. For each role there is a second server that really
lacks what the role may not have: a copy of the database without the tables, columns and rows, without the tools,
resources and prompts. Both answer the same requests, byte for byte, in every revision and on every kind of wire.
"""

import json
import math
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dragoman import Server
from dragoman.auth.credentials import Known
from dragoman.auth.gate import Gate, Views
from dragoman.auth.policy import Access, Role
from dragoman.auth.principal import Principal
from dragoman.cli.assembly import assemble
from dragoman.cli.targets import read_targets
from dragoman.protocol.revisions import REVISIONS
from dragoman.server.views import view_of
from dragoman.transports.connection import Connection

SERVED = """\
[connectors.shop]
type = "sql"
url = "chinook.sqlite"
[connectors.handbook]
type = "files"
path = "notes"
"""
ROLES = """\
[roles.admin]
tools = ["*"]
resources = ["*"]
prompts = ["*"]

[roles.support]
tools = ["shop_*", "handbook_*"]
deny = ["shop_explain"]
resources = ["sql://shop/*"]
prompts = ["*"]
[roles.support.connectors.shop]
deny = ["Employee", "Playlist", "PlaylistTrack"]
[roles.support.connectors.shop.tables.Customer]
deny_columns = ["Phone", "Fax"]
rows = "SupportRepId = :principal.employee_id"

[roles.analyst]
tools = ["shop_query", "shop_describe"]
resources = ["sql://shop/Invoice*"]
[roles.analyst.connectors.shop]
allow = ["Invoice", "InvoiceLine"]

[roles.reader]
tools = ["handbook_*"]
resources = ["*"]
deny = ["sql://*"]
"""
CLAIMS = (("employee_id", 3),)
LACKING = {
    "admin": "",
    "support": (
        "DROP TABLE PlaylistTrack; DROP TABLE Playlist; UPDATE Customer SET Fax = NULL; DROP TABLE Employee;"
        "DELETE FROM Customer WHERE SupportRepId IS NOT 3; ALTER TABLE Customer DROP COLUMN Phone;"
        "ALTER TABLE Customer DROP COLUMN Fax;"
    ),
    "analyst": "DROP TABLE {others};",
    "reader": "",
}
MODERN = "2026-07-28"
LEGACY = [name for name in REVISIONS if name != MODERN]
TABLES = (
    *("Album", "Artist", "Customer", "Employee", "Genre", "Invoice", "InvoiceLine", "MediaType", "Playlist"),
    *("PlaylistTrack", "Track", "Nonsense"),
)
CUSTOMER = ("CustomerId", "FirstName", "Phone", "Fax", "Email", "SupportRepId", "Nonsense")
SECRETS = {"support": ("Employee", "Playlist", "Phone", "Fax"), "analyst": ("Album", "Artist", "Genre")}

Send = Callable[[str, dict[str, Any]], Any]


def requests() -> list[tuple[str, dict[str, Any]]]:
    """Every listing, and every tool, resource, table, column, prompt, completion and subscription by its name."""
    found: list[tuple[str, dict[str, Any]]] = [
        ("tools/list", {}),
        ("resources/list", {}),
        ("resources/templates/list", {}),
        ("prompts/list", {}),
        ("prompts/get", {"name": "shop_guide"}),
        ("prompts/get", {"name": "nothing"}),
        ("tools/call", {"name": "shop_querry", "arguments": {}}),
        ("tools/call", {"name": "handbook_search", "arguments": {"query": "refunds"}}),
        ("tools/call", {"name": "handbook_search", "arguments": {"nonsense": 1}}),
        ("resources/read", {"uri": "handbook://handbook/one.md"}),
        ("tasks/get", {"taskId": "none"}),
        ("tools/call", {"name": "shop_describe", "arguments": {}}),
    ]
    for table in TABLES:
        for tool, arguments in (
            ("shop_query", {"sql": f"SELECT * FROM {table} LIMIT 2"}),
            ("shop_query", {"sql": f"SELECT count(*) FROM {table}"}),
            ("shop_query", {"sql": f"SELECT * FROM Invoice WHERE EXISTS (SELECT 1 FROM {table}) LIMIT 1"}),
            ("shop_explain", {"sql": f"SELECT 1 FROM {table} t WHERE 0"}),
            ("shop_describe", {"table": table}),
            ("shop_describe", {"search": table}),
        ):
            found.append(("tools/call", {"name": tool, "arguments": arguments}))
        found.append(("resources/read", {"uri": f"sql://shop/{table}"}))
        found.append(("resources/subscribe", {"uri": f"sql://shop/{table}"}))
        template = {"type": "ref/resource", "uri": "sql://shop/{table}"}
        argument = {"name": "table", "value": table[:3]}
        found.append(("completion/complete", {"ref": template, "argument": argument}))
    for column in CUSTOMER:
        statements = (
            f"SELECT {column} FROM Customer ORDER BY CustomerId LIMIT 3",
            f"SELECT count({column}) FROM Customer",
            f"SELECT 1 FROM Customer ORDER BY {column} LIMIT 1",
        )
        found += [("tools/call", {"name": "shop_query", "arguments": {"sql": sql}}) for sql in statements]
    return found


def write_folder(folder: Path, chinook: Path, change: str, more: str) -> Path:
    """A folder with the database, the notes and the configuration."""
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "one.md").write_text("# Refunds\n\nRefunds above 100 need a second look.\n")
    with closing(sqlite3.connect(chinook)) as source, closing(sqlite3.connect(folder / "chinook.sqlite")) as database:
        source.backup(database)
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        others = "; DROP TABLE ".join(name for name in names if name not in ("Invoice", "InvoiceLine"))
        database.executescript("PRAGMA foreign_keys = off;" + change.format(others=others))
    (folder / "dragoman.toml").write_text(SERVED + more)
    return folder / "dragoman.toml"


def strip(server: Server, role: Role) -> None:
    """Take away what a role may not use, as if nobody had ever added it."""
    access = Access({"role": role}, ("role",))
    for features, kind in ((server.tools, "tool"), (server.prompts, "prompt"), (server.resources, "resource")):
        for key in list(features.named):
            if not access.allows(kind, key):  # type: ignore[arg-type]
                features.remove(key)
    for key, template in list(server.templates.named.items()):
        server.templates.remove(key)
        if access.may_reach(key, template.template.match):
            server.templates.add(template.narrowed(lambda uri: access.allows("resource", uri)))


class Tokens:
    """Credentials that are the name of a role."""

    def is_mine(self, token: str) -> bool:
        return True

    async def check(self, token: str) -> Known:
        return Known(Principal("ann", roles=(token,), claims=CLAIMS), math.inf)

    async def close(self) -> None:
        pass


async def over_a_pipe(server: Server, principal: Principal, revision: str) -> list[str]:
    """What is answered on stdio, in memory and on the streams of 2024-11-05, which share their connection."""

    async def write(_: bytes) -> None:
        pass

    connection = Connection(server, write, principal)
    if revision != MODERN:
        hello = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
        await connection.answer(message("initialize", hello, 0))
        await connection.answer(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    answers = []
    for number, (method, params) in enumerate(requests(), 1):
        reply = await connection.answer(message(method, with_meta(params, revision), number))
        answers.append((reply or b"").decode())
    return answers


async def over_http(endpoint: Any, role: str, revision: str) -> list[str]:
    transport = httpx2.ASGITransport(endpoint)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        http.headers["authorization"] = f"Bearer {role}"
        http.headers["accept"] = "application/json, text/event-stream"
        http.headers["content-type"] = "application/json"
        http.headers["mcp-protocol-version"] = revision
        if revision != MODERN:
            hello = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
            begun = await http.post("/mcp", content=message("initialize", hello, 0))
            http.headers["mcp-session-id"] = begun.headers["mcp-session-id"]
            await http.post("/mcp", content=b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        answers = []
        for number, (method, params) in enumerate(requests(), 1):
            headers = {}
            if revision == MODERN:
                headers["mcp-method"] = method
                named = params.get("name") or params.get("uri") or params.get("taskId")
                if named is not None and method in ("tools/call", "resources/read", "prompts/get", "tasks/get"):
                    headers["mcp-name"] = named
            reply = await http.post(
                "/mcp", content=message(method, with_meta(params, revision), number), headers=headers
            )
            answers.append(f"{reply.status_code} {reply.text}")
    return answers


def message(method: str, params: dict[str, Any], number: int) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()


def with_meta(params: dict[str, Any], revision: str) -> dict[str, Any]:
    if revision != MODERN:
        return params
    version = "io.modelcontextprotocol/protocolVersion"
    return {**params, "_meta": {version: revision, "io.modelcontextprotocol/clientCapabilities": {}}}


def comparable(answer: str) -> str:
    """An answer without what is new each time (sealed cursors) and what says openly that rows are left out."""
    answer = re.sub(r'(next\\*"?:\s*\\*"?)[A-Za-z0-9_.=-]{40,}', r"\1CURSOR", answer)
    answer = answer.replace(", only those that you may see", "")
    return re.sub(r'\\*"filtered\\*":true,|,\\*"filtered\\*":true', "", answer)


@asynccontextmanager
async def running(file: Path) -> AsyncIterator[tuple[Server, dict[str, Role]]]:
    found = assemble(read_targets([str(file)]), "matrix")
    await found.server.start()
    try:
        assert found.config is not None
        yield found.server, found.config.settings.roles
    finally:
        await found.server.close()


@pytest.mark.parametrize("role", ["admin", "support", "analyst", "reader"])
async def test_a_role_can_not_tell_what_it_may_not_have_from_what_is_not_there(
    tmp_path: Path, shared_data: Path, role: str
) -> None:
    chinook = shared_data / "chinook.sqlite"
    whole = write_folder(tmp_path / "whole", chinook, "", ROLES)
    lacking = write_folder(tmp_path / "lacking", chinook, LACKING[role], "")
    principal = Principal("ann", roles=(role,), claims=CLAIMS)
    async with running(whole) as (server, roles), running(lacking) as (other, _):
        strip(other, roles[role])
        other.instructions = server.describe(other) if server.describe else None
        view, same = Views(server, roles).of(principal), view_of(other, Access(None, ()))
        for revision in REVISIONS:
            told = await over_a_pipe(view, principal, revision)
            absent = await over_a_pipe(same, principal, revision)
            compare(role, f"pipe {revision}", told, absent)
        gate = Gate(Views(server, roles), [Tokens()])
        everything = {role: Role(tools=("*",), resources=("*",), prompts=("*",))}
        gate_of_other = Gate(Views(other, everything), [Tokens()])
        one, two = server.asgi(gate=gate), other.asgi(gate=gate_of_other)
        for revision in [MODERN, *LEGACY[-1:]]:
            compare(
                role, f"http {revision}", await over_http(one, role, revision), await over_http(two, role, revision)
            )


def compare(role: str, wire: str, told: list[str], absent: list[str]) -> None:
    answered = 0
    for request, answer, nothing in zip(requests(), told, absent, strict=True):
        assert comparable(answer) == comparable(nothing), f"{role}, {wire}: {request}"
        answered += '"result"' in answer
        for secret in SECRETS.get(role, ()):
            asked = json.dumps(request)
            assert secret not in answer or secret[:3] in asked, f"{role}, {wire}: {request} tells of {secret}: {answer}"
    assert answered > 3, f"{role}, {wire}: nothing is answered"
