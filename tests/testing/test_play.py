"""Playing a transcript: what fits passes, what does not is shown with its line, and `--update` writes it down."""

from pathlib import Path
from typing import Any

import pytest

from dragoman import Context, Server, UsageError
from dragoman.protocol.revisions import REVISIONS
from dragoman.testing import Play, Transcript, pytest_addoption, transcript_plays
from dragoman.testing.transcript import WIRES
from tests.testing.conftest import Write

LEGACY = "Revisions: 2025-11-25\nFixed bugs: none\n"


def make_server() -> Server:
    server = Server("played", "2")

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def speak(context: Context) -> str:
        await context.progress(1)
        return "spoken"

    return server


def play_of(transcript: Transcript, wire: Any = "memory") -> Play:
    return Play(transcript, wire, transcript.revisions[0])


GOOD = """
> {"id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2}}}
< {"id": 1, "result": {"content": [{"type": "text", "text": "3"}], "structuredContent": 3}}
> {"id": 2, "method": "tools/call", "params": {"name": "speak", "_meta": {"progressToken": "t"}}}
< {"method": "notifications/progress", "params": {"progressToken": "t", "progress": 1}}
< {"id": 2, "result": "..."}
"""


@pytest.mark.parametrize("wire", WIRES)
async def test_what_fits_passes(write: Write, wire: Any) -> None:
    await play_of(write(GOOD), wire).run(make_server())


async def test_the_name_of_a_play(write: Write) -> None:
    assert str(play_of(write(GOOD), "stdio")) == "one-stdio-2026-07-28"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace('"text": "3"', '"text": "4"'), ":5 on memory, 2026-07-28: .*'3', not '4'"),
        ('> {"id": 1, "method": "tools/list"}\n', "says more than the transcript"),
        (
            '> {"id": 1, "method": "tools/list"}\n< {"id": 1, "result": {"resultType": "x", "...": "..."}}\n',
            "'complete'",
        ),
    ],
)
async def test_what_does_not_fit_is_shown(write: Write, text: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        await play_of(write(text)).run(make_server())


async def test_an_answer_that_never_comes(write: Write) -> None:
    with pytest.raises(AssertionError, match="nothing came"):
        await play_of(write('> {"method": "notifications/x"}\n< {"id": 1}\n')).run(make_server(), seconds=0.05)


async def test_metadata_is_added_completed_or_left_out(write: Write) -> None:
    text = """
> {"id": 1, "method": "tools/list", "params": {"_meta": {"io.modelcontextprotocol/protocolVersion": "1999-01-01"}}}
< {"id": 1, "error": {"code": -32022, "...": "..."}}
> {"id": 2, "method": "tools/list", "params": {"_meta": null}}
< {"id": 2, "error": {"code": -32602, "...": "..."}}
> {"id": 3, "method": "tools/list", "params": 5}
< {"id": 3, "error": {"code": -32602, "...": "..."}}
> no json
< {"error": {"code": -32700, "...": "..."}}
> 5
< {"error": {"code": -32600, "...": "..."}}
"""
    await play_of(write(text)).run(make_server())


async def test_lines_of_other_revisions_are_passed_over(write: Write) -> None:
    text = """
>modern {"id": 1, "method": "server/discover"}
<modern {"id": 1, "result": "..."}
>2024-11-05 {"id": 1, "method": "never"}
>legacy {"id": 2, "method": "ping"}
<2025-11-25 {"id": 2, "result": {}}
"""
    await play_of(write(text, LEGACY)).run(make_server())


async def test_batches_are_completed_part_by_part(write: Write) -> None:
    settings = "Revisions: 2025-03-26\nFixed bugs: none\n"
    sent, came = '> [{"id": 1, "method": "ping"}, 5]\n', '{"id": 1, "result": {}}'
    failed = '{"error": {"code": -32600, "...": "..."}}'
    await play_of(write(f"{sent}< [{came}, {failed}]\n", settings)).run(make_server())
    with pytest.raises(AssertionError, match="2 elements, not 1"):
        await play_of(write(f"{sent}< [{came}]\n", settings)).run(make_server())
    with pytest.raises(AssertionError, match="the message: "):
        await play_of(write(f"{sent}< {came}\n", settings)).run(make_server())
    with pytest.raises(AssertionError, match="the message: "):
        await play_of(write('> {"id": 1, "method": "ping"}\n< [{"id": 1}]\n', settings)).run(make_server())


async def test_what_comes_is_written_down(write: Write) -> None:
    transcript = write(
        "# kept\n"
        '> {"id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2}}}\n'
        '<modern {"id": 1,\n'
        '  "result": {"content": "...", "structuredContent": 99}}\n'
        "# kept too\n"
    )
    await play_of(transcript).run(make_server(), update=True)
    lines = transcript.path.read_text().splitlines()
    assert lines[4] == '<modern {"id": 1, "result": {"content": "...", "structuredContent": 3}}'
    assert [lines[2], lines[5], lines[6]] == ["# kept", "", "# kept too"]
    await play_of(Transcript(transcript.path)).run(make_server())


def test_every_play_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no file here ends with \.transcript"):
        transcript_plays(tmp_path)
    for name in ("b", "a"):
        text = f"Revisions: all\nWires: memory\nFixed bugs: none\nFeatures: {name}\n> {{}}\n"
        (tmp_path / f"{name}.transcript").write_text(text)
    plays = transcript_plays(tmp_path)
    assert [play.transcript.features for play in plays] == [["a"]] * len(REVISIONS) + [["b"]] * len(REVISIONS)


def test_the_option_of_pytest() -> None:
    added: list[str] = []

    class Parser:
        def addoption(self, name: str, **_: Any) -> None:
            added.append(name)

    pytest_addoption(Parser())
    assert added == ["--update"]
