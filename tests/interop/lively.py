"""A server that speaks while it works: served as `dragoman serve lively.py` to clients nobody here wrote.

It has what a database and a folder do not: progress, log messages, questions, prompts, pictures, binary resources,
results of every kind, and more features than fit on a page.
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from dragoman import Context, File, Image, Limits, Message, Meta, Server, ToolError

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da6364f80f00010501012718e3660000000049454e44ae426082"
)

server = Server("lively", "1.2.3", instructions="Count, then ask.", limits=Limits(page_size=2))


@dataclass
class Sum:
    """What was added, and what it gave."""

    parts: list[int]
    total: int


@dataclass
class Order:
    """What the user wants."""

    size: Annotated[int, Meta(ge=1, le=9)]
    gift: bool = False


@server.tool
async def count(context: Context, to: int) -> int:
    """Count, and say so at every step."""
    for step in range(1, to + 1):
        await context.progress(step, to, f"step {step}")
        await context.info(f"counted {step}")
        # The TypeScript clients lose progress that arrives in one read with the result it belongs to.
        await asyncio.sleep(0.02)
    return to


@server.tool
async def order(context: Context, thing: str) -> str:
    """Order a thing, of the size that the user says."""
    answer = await context.elicit(f"How large shall the {thing} be?", Order)
    if answer.data is None:
        return f"no {thing}: {answer.action}"
    return f"{thing} of size {answer.data.size}, {'a gift' if answer.data.gift else 'no gift'}"


@server.tool
def add(parts: list[int]) -> Sum:
    """Add numbers."""
    return Sum(parts, sum(parts))


@server.tool
def show() -> list[str | Image | File]:
    """A sentence, a picture and a file."""
    return ["one pixel", Image(data=PIXEL, format="png"), File(data=b"\x00\x01", name="raw.bin")]


@server.tool
def refuse() -> str:
    """Say to the model what went wrong."""
    raise ToolError("not today")


@server.tool
def fail() -> str:
    """Break, with a secret in the exception."""
    raise RuntimeError("the password is swordfish")


@server.resource("lively://motto")
def motto() -> str:
    """A sentence to live by."""
    return "Ask, then answer. Überall."


@server.resource("lively://pixel", mime_type="image/png")
def pixel() -> bytes:
    """A picture."""
    return PIXEL


@server.resource("lively://settings")
def settings() -> dict[str, int]:
    """Some JSON."""
    return {"page_size": 2}


@server.resource("lively://squares/{number}")
def square(number: int) -> str:
    """A number's square."""
    return str(number * number)


@server.prompt
def greet(name: str, tone: str = "warm") -> str:
    """Greet somebody."""
    return f"Greet {name} in a {tone} tone."


@server.prompt
def debate(topic: str) -> list[Message]:
    """Begin a debate."""
    return [Message(f"Let us talk about {topic}."), Message("Which side are you on?", role="assistant")]


@server.prompt
def plain() -> str:
    """Nothing to fill in."""
    return "Go."
