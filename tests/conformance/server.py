"""The server that the official conformance suite is run against: `dragoman serve tests/conformance/server.py`.

The suite looks features up by name; what each of them must do stands in the suite's own scenario descriptions.
"""

import asyncio
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from dragoman import (
    Audio,
    Context,
    Elicit,
    File,
    Image,
    InvalidParams,
    Message,
    Meta,
    Roots,
    Sample,
    Server,
    ToolError,
)

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da6364f80f00010501012718e3660000000049454e44ae426082"
)
SILENCE = b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA==")

server = Server("conformance", "1.0.0", title="Conformance", instructions="Every feature of the protocol, once.")
server.add_skill(Path(__file__).parent / "skills")


ADDRESSED = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


@server.tool(input_schema=ADDRESSED)
def json_schema_2020_12_tool(arguments: dict[str, Any]) -> str:
    """Keep every keyword of a schema that was given."""
    return f"Received {', '.join(arguments)}"


# What tools return


@server.tool
def test_simple_text() -> str:
    """Return one text."""
    return "This is a simple text response for testing."


@server.tool
def test_image_content() -> Image:
    """Return one picture."""
    return Image(PIXEL)


@server.tool
def test_audio_content() -> Audio:
    """Return one sound."""
    return Audio(SILENCE)


@server.tool
def test_embedded_resource() -> File:
    """Return one embedded resource."""
    return File("This is an embedded resource content.", name="note.txt", uri="test://embedded-resource")


@server.tool
def test_multiple_content_types() -> list[str | Image | File]:
    """Return a text, a picture and an embedded resource."""
    data = File('{"test":"data","value":123}', name="data.json", uri="test://mixed-content-resource")
    return ["Multiple content types test:", Image(PIXEL), data]


@server.tool
def test_error_handling() -> str:
    """Fail, and say why to the model."""
    raise ToolError("This tool intentionally returns an error for testing")


# What tools say while they run


@server.tool
async def test_tool_with_logging(context: Context) -> str:
    """Log three times."""
    for message in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.info(message)
        await asyncio.sleep(0.05)
    return "Tool with logging executed successfully"


@server.tool
async def test_logging_tool(context: Context) -> str:
    """Log once."""
    await context.info("Logging evaluated")
    return "Logging evaluated"


@server.tool
async def test_tool_with_progress(context: Context) -> str:
    """Report progress three times."""
    for done in (0, 50, 100):
        await context.progress(done, 100, f"Completed step {done} of 100")
        await asyncio.sleep(0.05)
    return "Done"


@server.tool
async def test_reconnection(context: Context) -> str:
    """Let the connection go, and answer whoever comes back."""
    await context.release_connection()
    await asyncio.sleep(0.1)
    return "Reconnection test completed successfully."


# What tools take


@server.tool
def test_header_mirroring(
    region: Annotated[str, Meta(extra_json_schema={"x-mcp-header": "Region"})],
    shelf: Annotated[int, Meta(extra_json_schema={"x-mcp-header": "Shelf"})],
) -> str:
    """Look something up in a region that proxies route by."""
    return f"shelf {shelf} in {region}"


# Questions to the user, the model and the client


@dataclass
class Name:
    """Who the user is."""

    name: Annotated[str, Meta(description="Your name")]


@dataclass
class Colour:
    """What the user likes."""

    color: Annotated[str, Meta(description="Your favourite colour")]


@dataclass
class Setting:
    """What a prompt is about."""

    context: str


@dataclass
class Response:
    """Whatever the user says."""

    response: Annotated[str, Meta(description="User's response")]


@dataclass
class Profile:
    """A form that is filled in already."""

    name: Annotated[str, Meta(description="User name")] = "John Doe"
    age: Annotated[int, Meta(description="User age")] = 30
    score: Annotated[float, Meta(description="User score")] = 95.5
    status: Literal["active", "inactive", "pending"] = "active"
    verified: Annotated[bool, Meta(description="Whether the user was verified")] = True


def titled(**titles: str) -> list[dict[str, str]]:
    """Choices with a title for people each."""
    return [{"const": value, "title": title} for value, title in titles.items()]


Option = Literal["option1", "option2", "option3"]
Titled = Annotated[
    str, Meta(extra_json_schema={"oneOf": titled(value1="First Option", value2="Second Option", value3="Third Option")})
]
Legacy = Annotated[
    Literal["opt1", "opt2", "opt3"],
    Meta(extra_json_schema={"enumNames": ["Option One", "Option Two", "Option Three"]}),
]
TitledItem = Annotated[
    str, Meta(extra_json_schema={"anyOf": titled(value1="First Choice", value2="Second Choice", value3="Third Choice")})
]


@dataclass
class Choices:
    """Every kind of choice that a form may have."""

    untitledSingle: Option  # noqa: N815 -- the suite's names
    titledSingle: Titled  # noqa: N815
    legacyEnum: Legacy  # noqa: N815
    untitledMulti: Annotated[list[Option], Meta(min_length=1, max_length=3)]  # noqa: N815
    titledMulti: Annotated[list[TitledItem], Meta(min_length=1, max_length=3)]  # noqa: N815


@server.tool
async def test_elicitation(context: Context, message: str) -> str:
    """Ask the user something."""
    answer = await context.elicit(message, Response)
    return f"User response: action={answer.action}, content={answer.data}"


@server.tool
async def test_elicitation_sep1034_defaults(context: Context) -> str:
    """Ask with a form that is filled in already."""
    answer = await context.elicit("Please review and update the form fields with defaults", Profile)
    return f"Elicitation completed: action={answer.action}, content={answer.data}"


@server.tool
async def test_elicitation_sep1330_enums(context: Context) -> str:
    """Ask for choices."""
    answer = await context.elicit("Please select options from the enum fields", Choices)
    return f"Elicitation completed: action={answer.action}, content={answer.data}"


@server.tool
async def test_sampling(context: Context, prompt: str) -> str:
    """Ask the client's model."""
    said = await context.sample(prompt, max_tokens=100)
    return f"LLM response: {said.text}"


@server.tool
async def test_missing_capability(context: Context) -> str:
    """Ask the client's model, which not every client lets servers do."""
    said = await context.sample("Say success")
    return said.text


@server.tool
async def test_streaming_elicitation(context: Context) -> str:
    """Speak, then ask."""
    await context.progress(50, 100)
    answer = await context.elicit("What is your name?", Name, key="user_name")
    return f"Hello, {answer.data.name if answer.data else 'stranger'}!"


@server.tool
async def test_input_required_result_elicitation(context: Context) -> str:
    """Greet the user by name."""
    answer = await context.elicit("What is your name?", Name, key="user_name")
    return f"Hello, {answer.data.name if answer.data else 'stranger'}!"


@server.tool
async def test_input_required_result_sampling(context: Context) -> str:
    """Ask the client's model a question of geography."""
    said = await context.sample("What is the capital of France?", max_tokens=100)
    return said.text


@server.tool
async def test_input_required_result_list_roots(context: Context) -> list[str]:
    """Show which folders the client opens."""
    return [root.uri for root in await context.roots()]


@server.tool
async def test_input_required_result_request_state(context: Context) -> str:
    """Ask for a yes."""
    return "state-ok" if await context.confirm("Please confirm") else "state-ok, not confirmed"


@server.tool
async def test_input_required_result_tampered_state(context: Context) -> str:
    """Ask for a yes that nobody may forge."""
    return "confirmed" if await context.confirm("Please confirm") else "not confirmed"


@server.tool
async def test_input_required_result_multiple_inputs(context: Context) -> str:
    """Ask everybody at once."""
    answer, greeting, roots = await context.ask_all(
        Elicit("What is your name?", Name), Sample("Generate a greeting", max_tokens=50), Roots()
    )
    return f"{greeting.text} {answer.data.name if answer.data else 'stranger'}, of {len(roots)} roots"


@server.tool
async def test_input_required_result_multi_round(context: Context) -> str:
    """Ask one question after the other."""
    name = await context.elicit("Step 1: What is your name?", Name)
    colour = await context.elicit("Step 2: What is your favorite color?", Colour)
    return f"{name.data} likes {colour.data}"


@server.tool
async def test_input_required_result_capabilities(context: Context) -> str:
    """Ask the client's model, since not every client can ask its user."""
    said = await context.sample("Say something", max_tokens=50)
    return said.text


# Tasks


@server.tool
def greet(name: str) -> str:
    """Greet somebody, at once."""
    return f"Hello, {name}!"


@server.tool(task="optional")
async def slow_compute(seconds: float, label: str = "") -> str:
    """Take as long as told."""
    await asyncio.sleep(seconds)
    return f"{label} took {seconds} seconds"


@server.tool(task="required")
async def failing_job() -> str:
    """Fail after a while, and say why to the model."""
    await asyncio.sleep(0.5)
    raise ToolError("This job intentionally fails")


@server.tool(task="optional")
async def protocol_error_job() -> str:
    """Fail in a way that is no result."""
    await asyncio.sleep(1)
    raise InvalidParams("This job intentionally breaks off")


@server.tool(task="required")
async def confirm_delete(context: Context, filename: str) -> str:
    """Delete a file that is not there, if the user wants to."""
    wanted = await context.confirm(f"Delete {filename}?")
    return f"{filename} was deleted" if wanted else f"{filename} was kept"


@server.tool(task="required")
async def multi_input(context: Context) -> str:
    """Ask two questions at once."""
    host, guest = await context.ask_all(Elicit("Who invites?", Name), Elicit("Who comes?", Name))
    return f"{host.data} invites {guest.data}"


@server.tool(task="required", task_start="told")
async def test_tool_with_task(context: Context) -> str:
    """Ask first, then go on as a task."""
    answer = await context.elicit("What is your name?", Name, key="user_name")
    await context.start_task()
    await asyncio.sleep(0.1)
    return f"Done for {answer.data.name if answer.data else 'nobody'}"


# Changes


def dynamic() -> str:
    """Come and go."""
    return "here for now"


@server.tool
def test_trigger_tool_change() -> str:
    """Add a tool, or take it away again."""
    if "dynamic_tool" in server.tools.named:
        server.remove_tool("dynamic_tool")
    else:
        server.add_tool(dynamic, name="dynamic_tool")
    return "changed"


@server.tool
def test_trigger_prompt_change() -> str:
    """Add a prompt, or take it away again."""
    if "dynamic_prompt" in server.prompts.named:
        server.remove_prompt("dynamic_prompt")
    else:
        server.add_prompt(dynamic, name="dynamic_prompt")
    return "changed"


# Resources


@server.resource("test://static-text", name="static-text", title="Static text")
def static_text() -> str:
    """Give a text that never changes."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary", name="static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """Give a picture that never changes."""
    return PIXEL


@server.resource("test://watched-resource", name="watched-resource")
def watched_resource() -> str:
    """Give a text to watch."""
    return "Watched resource content"


@server.resource("test://template/{id}/data", name="template")
def template(id: str) -> dict[str, Any]:  # noqa: A002 -- the suite's name
    """Give some data by its id."""
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


# Prompts


@server.prompt(title="Simple prompt")
def test_simple_prompt() -> str:
    """Say one thing."""
    return "This is a simple prompt for testing."


@server.prompt(complete={"arg1": lambda text: [word for word in ("paris", "park", "party") if word.startswith(text)]})
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """Repeat two things.

    Args:
        arg1: First test argument.
        arg2: Second test argument.
    """
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.prompt
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:  # noqa: N803 -- the suite's name
    """Show a resource.

    Args:
        resourceUri: URI of the resource to embed.
    """
    resource = File("Embedded resource content for testing.", name="embedded.txt", uri=resourceUri)
    return [Message(resource), Message("Please process the embedded resource above.")]


@server.prompt
def test_prompt_with_image() -> list[Message]:
    """Show a picture."""
    return [Message(Image(PIXEL)), Message("Please analyze the image above.")]


@server.prompt
async def test_input_required_result_prompt(context: Context) -> str:
    """Ask before it is written."""
    answer = await context.elicit("What context should the prompt use?", Setting)
    return f"The context is {answer.data.context if answer.data else 'unknown'}."
