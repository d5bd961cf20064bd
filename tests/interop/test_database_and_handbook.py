"""Clients nobody here wrote list, call and read what a database and a folder became."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from tests.interop.runs import DATA, DATABASE_AND_HANDBOOK, PAGE

if TYPE_CHECKING:
    from tests.interop.runs import Seen

SCENES = [DATABASE_AND_HANDBOOK]
READS = DATABASE_AND_HANDBOOK.plan["reads"]
TOOLS = {"chinook_query", "chinook_describe", "chinook_explain", "handbook_search", "handbook_read"}
MISSING_RESOURCE = {"2025-11-25": -32002, "2026-07-28": -32602}  # server/resources of each, error handling


def _tables() -> set[str]:
    with sqlite3.connect(f"file:{DATA / 'chinook.sqlite'}?mode=ro", uri=True) as chinook:
        rows = chinook.execute("select name from sqlite_master where type = 'table'").fetchall()
    chinook.close()
    return {name for (name,) in rows if not name.startswith("sqlite_")}


def _pages() -> set[str]:
    handbook = DATA / "handbook"
    return {path.relative_to(handbook).as_posix() for path in handbook.rglob("*.md")}


def _text(result: dict[str, Any]) -> str:
    return "\n".join(block["text"] for block in result["content"] if block["type"] == "text")


def test_lists_the_tools_of_both_targets(seen: Seen) -> None:
    assert set(seen.document["tools"]) == TOOLS


def test_lists_every_table_and_page_once(seen: Seen) -> None:
    uris = seen.document["resources"] + seen.document["templates"]
    assert len(uris) == len(set(uris))
    assert {f"sql://chinook/{table}" for table in _tables()} <= set(uris)
    assert {f"files://handbook/{page}" for page in _pages()} <= set(uris)


def test_answers_a_query(seen: Seen) -> None:
    result = seen.document["calls"]["query"]
    assert not result.get("isError")
    assert result["structuredContent"]["columns"] == ["Name"]
    assert result["structuredContent"]["rows"] == [["AC/DC"], ["Accept"], ["Aerosmith"]]
    for name in ("AC/DC", "Accept", "Aerosmith"):
        assert name in _text(result)


def test_finds_the_page_on_tampered_request_state_first(seen: Seen) -> None:
    result = seen.document["calls"]["search"]
    assert not result.get("isError")
    assert result["structuredContent"]["files"][0]["path"] == PAGE
    first, *_ = _text(result).splitlines()
    assert PAGE in first


def test_goes_on_reading_where_the_search_points(seen: Seen) -> None:
    result = seen.document["calls"]["lines"]
    assert not result.get("isError")
    answer = result["structuredContent"]
    lines = (DATA / "handbook" / PAGE).read_text("utf-8").splitlines()
    assert (answer["path"], answer["first_line"], answer["total_lines"]) == (PAGE, 3, len(lines))
    assert answer["text"].splitlines() == lines[2:7]
    assert answer["next_offset"] == 8


def test_describes_a_table(seen: Seen) -> None:
    result = seen.document["calls"]["describe"]
    assert not result.get("isError")
    for word in ("Artist", "ArtistId", "Name"):
        assert word in _text(result)


def test_refuses_to_write_with_a_reason(seen: Seen) -> None:
    result = seen.document["calls"]["refused"]
    assert result["isError"] is True
    assert "delete" in _text(result).lower()


def test_an_unknown_tool_is_an_error_that_names_the_nearest(seen: Seen) -> None:
    answer = seen.document["calls"]["unknown"]
    if seen.run.peer == "inspector":
        assert answer["error"]["code"] == "tool_not_found"  # it asks for the list first and stops there
    elif "error" in answer:
        assert "chinook_query" in answer["error"]["message"]
    else:
        assert answer["isError"] is True
        assert "chinook_query" in _text(answer)


def test_reads_a_table(seen: Seen) -> None:
    (content,) = seen.document["reads"]["table"]["contents"]
    assert content["uri"] == READS["table"]
    for word in ("ArtistId", "Name", "275"):
        assert word in content["text"]


def test_reads_a_page_as_it_stands_in_the_file(seen: Seen) -> None:
    (content,) = seen.document["reads"]["page"]["contents"]
    assert content["uri"] == READS["page"]
    assert content["text"] == (DATA / "handbook" / PAGE).read_text("utf-8")


def test_a_missing_page_is_the_error_of_the_revision(seen: Seen) -> None:
    assert "error" in seen.document["reads"]["missing"]
    asked = {
        (message.channel, decoded["id"])
        for message in seen.messages
        if message.sender == "client"
        and "id" in (decoded := message.decode())
        and decoded.get("params", {}).get("uri") == READS["missing"]
    }
    codes = [
        decoded["error"]["code"]
        for message in seen.messages
        if message.sender == "server"
        and "error" in (decoded := message.decode())
        and (message.channel, decoded.get("id")) in asked
    ]
    assert codes == [MISSING_RESOURCE[seen.run.revision]]
