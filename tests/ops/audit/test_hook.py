"""The audit hook: a line for every request, whatever becomes of it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from dragoman import Client, ClientError, Context, Server, ToolAnnotations, ToolError
from dragoman.ops.audit.archive import Archive, Wanted
from dragoman.ops.audit.hook import audited
from dragoman.ops.audit.log import ARCHIVE, AuditLog, read_key
from dragoman.ops.audit.record import AuditRecord
from tests.store.room import largest_file


def a_server(log: AuditLog) -> Server:
    server = Server("audited", "1")
    server.hooks.add(audited(log))

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    async def look(city: str, ctx: Context, password: str = "") -> str:
        ctx.count_rows(3)
        return f"looked at {city}"

    @server.tool
    async def change(ctx: Context) -> str:
        return "changed"

    @server.tool
    async def fail(kind: str) -> str:
        raise ToolError("No.") if kind == "said" else RuntimeError("boom")

    @server.resource("note://one")
    async def one() -> str:
        return "a note"

    return server


def lines(folder: Path) -> list[AuditRecord]:
    archive = Archive(folder / ARCHIVE, read_key(folder))
    try:
        assert not list(archive.verify())
        return [msgspec.json.decode(line, type=AuditRecord) for line in archive.search(Wanted(most=1000))]
    finally:
        archive.close()


def calls(folder: Path) -> list[AuditRecord]:
    return [record for record in lines(folder) if record.method == "tools/call"]


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_a_call_leaves_one_line(tmp_path: Path, revision: Any) -> None:
    log = AuditLog(tmp_path)
    async with Client(a_server(log), revision=revision) as client:
        await client.call_tool("look", {"city": "Oslo", "password": "hunter2"})
        await client.read_resource("note://one")
    log.close()
    (line,) = calls(tmp_path)
    assert (line.event, line.outcome, line.name, line.revision, line.rows) == ("call", "ok", "look", revision, 3)
    assert b"Oslo" in bytes(line.arguments)
    assert b"hunter2" not in bytes(line.arguments)
    assert line.size == len("looked at Oslo")
    assert line.seconds is not None
    assert [record.name for record in lines(tmp_path) if record.method == "resources/read"] == ["note://one"]


async def test_a_call_that_may_change_something_has_a_line_before_it(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    async with Client(a_server(log)) as client:
        await client.call_tool("change", {})
    log.close()
    begin, end = calls(tmp_path)
    assert (begin.event, begin.outcome, end.event, end.outcome) == ("begin", "", "call", "ok")
    assert begin.call == end.call != ""


async def test_every_end_is_told_apart(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    async with Client(a_server(log)) as client:
        for kind in ("said", "unforeseen"):
            with pytest.raises(ClientError):
                await client.call_tool("fail", {"kind": kind})
        with pytest.raises(ClientError):
            await client.call_tool("never_there", {})
    log.close()
    assert [record.outcome for record in calls(tmp_path) if record.event == "call"] == ["error", "error", "fault"]


async def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    async with Client(a_server(log)) as client:
        with largest_file(64), pytest.raises(ClientError, match="can't be recorded"):
            await client.call_tool("change", {})
        assert (await client.call_tool("change", {})).text == "changed"
    log.close()
