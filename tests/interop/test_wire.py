"""What crosses the wire between foreign clients and Dragoman holds, whatever is served.

Each client speaks the revision it prefers, everything Dragoman sends meets that revision's official schema, and
processes, sessions and exchanges end as they should.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.interop.runs import DATABASE_AND_HANDBOOK, LIVELY
from tests.interop.schema_check import check

if TYPE_CHECKING:
    from tests.interop.runs import Seen

SCENES = [DATABASE_AND_HANDBOOK, LIVELY]


def test_speaks_the_revision_the_client_prefers(seen: Seen) -> None:
    said = seen.document.get("revision")
    assert said == seen.run.revision or (seen.run.peer == "ts1" and seen.wire == "stdio")
    assert check(seen.messages).revisions == {seen.run.revision}


def test_says_who_it_is(seen: Seen) -> None:
    assert seen.document["server"]["name"]
    assert seen.document["server"]["version"]


def test_everything_sent_meets_the_official_schema(seen: Seen) -> None:
    verdict = check(seen.messages)
    assert verdict.problems == []
    answered = sum(count for name, count in verdict.checked.items() if "Result" in name)
    assert answered >= 9, verdict.checked


def test_nothing_is_sent_that_the_revision_does_not_name(seen: Seen) -> None:
    assert check(seen.messages, closed=True).problems == []


def test_every_request_got_its_answer(seen: Seen) -> None:
    open_ended = {"subscriptions/listen"}
    assert [one for one in check(seen.messages).unanswered if one.split()[-1] not in open_ended] == []


def test_a_session_is_kept_only_where_the_revision_has_sessions(seen: Seen) -> None:
    with_session = [one for one in seen.exchanges if "mcp-session-id" in one.response_headers]
    if seen.run.modern:
        assert with_session == []
    elif seen.wire == "http":
        assert with_session


def test_no_exchange_fails(seen: Seen) -> None:
    # A GET that finds no stream is answered 405, which every client takes for a plain no.
    bad = [one for one in seen.exchanges if one.status >= 400 and (one.method, one.status) != ("GET", 405)]
    assert [one for one in bad if one.channel not in _channels_with_errors(seen)] == []
    assert not [one for one in seen.exchanges if one.status >= 500]


def _channels_with_errors(seen: Seen) -> set[str]:
    """Exchanges whose failure is a JSON-RPC error that some test asked for."""
    return {
        message.channel
        for message in seen.messages
        if message.sender == "server" and message.decode().get("error") is not None
    }


def test_the_server_ends_by_itself_when_its_input_closes(seen: Seen) -> None:
    exits = seen.exits
    if (seen.run.peer, seen.run.mode) == ("ts2", "auto"):
        exits = exits[1:]  # it asks a first process for its revision, and ends that one by signal
    assert len(exits) >= (seen.wire == "stdio")
    assert [one for one in exits if one != {"exit": 0, "signals": []}] == []
