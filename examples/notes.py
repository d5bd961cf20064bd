"""Resources, a template that lists what there is, prompts, completions, and news of changes.

Serve it with `dragoman serve examples/notes.py`.
"""

from collections.abc import Iterator
from typing import Literal

from dragoman import Message, ResourceInfo, ResourceNotFound, Server, quote_segment

server = Server("notes", "1.0")

texts = {"shopping": "Tea, ink, a lantern.", "travel": "Trieste, then by train."}


@server.resource("notes://settings")
def settings() -> dict[str, str]:
    """How this server is set up."""
    return {"language": "en"}


def _list() -> Iterator[ResourceInfo]:
    for title in texts:
        yield ResourceInfo(uri=f"notes://note/{quote_segment(title)}", name=title, mime_type="text/plain")


def _suggest(text: str) -> list[str]:
    return [title for title in texts if title.startswith(text)]


@server.resource("notes://note/{title}", list=_list, complete={"title": _suggest}, mime_type="text/plain")
def note(title: str) -> str:
    """One note."""
    if title not in texts:
        raise ResourceNotFound(f"notes://note/{quote_segment(title)}")
    return texts[title]


@server.tool
def write(title: str, text: str) -> str:
    """Write a note; one of this title is replaced."""
    is_new = title not in texts
    texts[title] = text
    if is_new:
        server.notify_resources_changed()
    server.notify_resource_updated(f"notes://note/{quote_segment(title)}")
    return f"'{title}' is written"


@server.prompt(complete={"title": _suggest})
def rewrite(title: str, tone: Literal["friendly", "formal", "short"] = "friendly") -> list[Message]:
    """Ask for a note in another tone.

    Args:
        title: Which note.
        tone: How it should sound.
    """
    return [
        Message(f"Rewrite this note in a {tone} tone:\n\n{texts.get(title, '(no such note)')}"),
        Message("I will keep every fact.", role="assistant"),
    ]


if __name__ == "__main__":
    server.run()
