"""Oversight: what is watched, in which order, and what is not loaded."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from dragoman import Client, ClientError, Server, UsageError
from dragoman.auth.gate import Gate, Views
from dragoman.auth.policy import Role
from dragoman.auth.principal import Principal
from dragoman.auth.quota import Quota
from dragoman.ops.audit.archive import Archive, Wanted
from dragoman.ops.audit.log import ARCHIVE, read_key
from dragoman.ops.audit.record import AuditRecord
from dragoman.ops.audit.settings import AuditSettings
from dragoman.ops.oversight import REFUSALS, audit_of, overseen, quotas_of
from dragoman.ops.settings import Settings, ToolSettings


def a_server() -> Server:
    server = Server("watched", "1")

    @server.tool
    async def look() -> str:
        return "seen"

    @server.tool
    async def fail() -> str:
        raise RuntimeError("boom")

    return server


def lines(folder: Path) -> list[AuditRecord]:
    archive = Archive(folder / ARCHIVE, read_key(folder))
    try:
        assert not list(archive.verify())
        return [msgspec.json.decode(line, type=AuditRecord) for line in archive.search(Wanted(most=1000))]
    finally:
        archive.close()


async def test_what_limits_refuse_is_recorded_with_the_limit(tmp_path: Path) -> None:
    server = a_server()
    settings = Settings(tools={"look": ToolSettings(limits=Quota(calls_per_minute=1))})
    with overseen(server, settings, AuditSettings(folder=str(tmp_path))):
        async with Client(server) as client:
            await client.call_tool("look", {})
            with pytest.raises(ClientError, match="at most 1 in a minute"):
                await client.call_tool("look", {})
    assert server.hooks.run is None
    first, second = sorted((one for one in lines(tmp_path) if one.event == "call" and one.name), key=lambda one: one.at)
    assert (first.outcome, second.outcome) == ("ok", "fault")
    assert "1 in a minute for each caller of tool look" in second.decision


async def test_quotas_follow_changed_settings() -> None:
    server = a_server()
    before, after = Settings(limits=Quota(calls_per_minute=100)), Settings(limits=Quota(calls_per_minute=1))
    with overseen(server, before, None) as oversight:
        async with Client(server) as client:
            for _ in range(3):
                await client.call_tool("look", {})
            oversight.follow(after)
            with contextlib.suppress(ClientError):  # what was used before counts
                await client.call_tool("look", {})
            with pytest.raises(ClientError, match="at most 1 in a minute"):
                await client.call_tool("look", {})


async def test_the_rule_that_decided_stands_in_the_line(tmp_path: Path) -> None:
    server = a_server()
    roles = {"one": Role(tools=("lo*",))}
    gate = Gate(Views(server, roles), (), anonymous=("one",))
    with overseen(server, Settings(roles=roles), AuditSettings(folder=str(tmp_path))):
        view = gate.views.of(Principal("ann", roles=("one",)))
        async with Client(view) as client:
            await client.call_tool("look", {})
            with pytest.raises(ClientError):
                await client.call_tool("fail", {})
    found = {one.name: one for one in lines(tmp_path) if one.event == "call" and one.method == "tools/call"}
    assert found["look"].decision == 'roles.one.tools[0] = "lo*"'
    assert found["fail"].decision == "no role of the caller allows it (roles: one)"
    assert (found["look"].outcome, found["fail"].outcome) == ("ok", "fault")


async def test_the_reference_of_a_masked_error_stands_in_the_line(tmp_path: Path) -> None:
    server = a_server()
    with overseen(server, Settings(), AuditSettings(folder=str(tmp_path))):
        async with Client(server) as client:
            with pytest.raises(ClientError) as told:
                await client.call_tool("fail", {})
    (line,) = [one for one in lines(tmp_path) if one.event == "call" and one.name == "fail"]
    assert len(line.reference) == 8
    assert line.reference in str(told.value)


async def test_refused_sign_ins_leave_lines_but_never_more_than_so_many(tmp_path: Path) -> None:
    server = a_server()
    endpoint = server.asgi(gate=Gate(Views(server, None), ()))
    with overseen(server, Settings(), AuditSettings(folder=str(tmp_path))) as oversight:
        endpoint.refusals.append(oversight.refused)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(endpoint), base_url="http://127.0.0.1") as http:
            http.headers["content-type"] = "application/json"
            assert (await http.post("/mcp", content=b"{}")).status_code == 401
            for _ in range(REFUSALS + 20):
                headers = {"authorization": "Bearer wrong-and-secret\u0021"}
                assert (await http.post("/mcp", content=b"{}", headers=headers)).status_code == 401
    found = [one for one in lines(tmp_path) if one.event == "sign_in"]
    turned = any("more before" in one.decision for one in found)  # the minute, meanwhile
    assert len(found) == REFUSALS or turned
    assert all(one.address == "127.0.0.1" and "not accepted" in one.decision for one in found)
    assert "wrong-and-secret" not in str(found)


def test_a_folder_that_cannot_be_used_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    audit = AuditSettings(folder=str(tmp_path / "file" / "audit"))
    with pytest.raises(UsageError, match=r"enabled = false, or --no-audit"), overseen(a_server(), Settings(), audit):
        pass


@pytest.mark.parametrize(
    ("said", "on", "kept"),
    [
        (None, True, True),
        (None, False, False),
        (AuditSettings(), False, True),
        (AuditSettings(enabled=False), True, False),
    ],
)
def test_what_is_said_of_the_log_wins(said: AuditSettings | None, on: Any, kept: Any) -> None:
    assert (audit_of(Settings(audit=said), on=on) is not None) is kept


def test_the_log_is_where_it_is_said_to_be(tmp_path: Path) -> None:
    own = audit_of(Settings(audit=AuditSettings(folder="/own")), on=True, folder=tmp_path)
    given = audit_of(Settings(audit=AuditSettings()), on=True, folder=tmp_path)
    assert own is not None
    assert given is not None
    assert (own.folder, given.folder) == ("/own", str(tmp_path))


def test_every_quota_of_a_configuration_is_found() -> None:
    quota = Quota(calls_per_second=1)
    settings = Settings(
        limits=quota, roles={"a": Role(limits=quota), "b": Role()}, tools={"look": ToolSettings(limits=quota)}
    )
    quotas = quotas_of(settings)
    assert quotas.everybody is quota
    assert (set(quotas.roles), set(quotas.tools), set(quotas.connectors)) == ({"a"}, {"look"}, set())


def test_what_is_off_is_not_loaded() -> None:
    code = (
        "import sys; from dragoman import Server; from dragoman.ops.oversight import overseen;"
        "from dragoman.ops.settings import Settings\n"
        "with overseen(Server('a', '1'), Settings(), None): pass\n"
        "print([name for name in sys.modules if name.startswith(('dragoman.ops.audit.', 'dragoman.ops.rates'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "['dragoman.ops.audit.settings']"
