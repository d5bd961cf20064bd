"""`examples/notes.py`: resources, a template, a prompt, completions, changes."""

import pytest

from dragoman import Client, ServerFault
from examples import notes


async def test_what_there_is_is_listed() -> None:
    async with Client(notes.server) as client:
        uris = [resource.uri for resource in await client.list_resources()]
        templates = [template.uri_template for template in await client.list_resource_templates()]
    assert uris == ["notes://settings", "notes://note/shopping", "notes://note/travel"]
    assert templates == ["notes://note/{title}"]


async def test_a_note_and_the_settings_are_read() -> None:
    async with Client(notes.server) as client:
        [note] = await client.read_resource("notes://note/travel")
        [settings] = await client.read_resource("notes://settings")
    assert (note.text, note.mime_type) == ("Trieste, then by train.", "text/plain")
    assert (settings.text, settings.mime_type) == ('{"language":"en"}', "application/json")


async def test_a_missing_note_is_not_found() -> None:
    async with Client(notes.server) as client:
        with pytest.raises(ServerFault, match="Resource not found"):
            await client.read_resource("notes://note/none")


async def test_a_new_note_is_listed() -> None:
    async with Client(notes.server) as client:
        await client.call_tool("write", {"title": "tea, ink", "text": "Two of each."})
        uris = [resource.uri for resource in await client.list_resources()]
        [note] = await client.read_resource("notes://note/tea,%20ink")
    del notes.texts["tea, ink"]
    assert "notes://note/tea,%20ink" in uris
    assert note.text == "Two of each."


async def test_the_prompt_takes_what_its_types_say() -> None:
    async with Client(notes.server) as client:
        result = await client.get_prompt("rewrite", {"title": "travel", "tone": "formal"})
        with pytest.raises(ServerFault, match="tone"):
            await client.get_prompt("rewrite", {"title": "travel", "tone": "angry"})
    assert [message.role for message in result.messages] == ["user", "assistant"]
    assert "formal" in str(result.messages[0].content)


@pytest.mark.parametrize(
    ("argument", "so_far", "suggested"), [("title", "s", ["shopping"]), ("tone", "f", ["friendly", "formal"])]
)
async def test_arguments_are_completed(argument: str, so_far: str, suggested: list[str]) -> None:
    async with Client(notes.server) as client:
        found = await client.request(
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "rewrite"}, "argument": {"name": argument, "value": so_far}},
        )
    assert found["completion"]["values"] == suggested
