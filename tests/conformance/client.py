"""The client that the official conformance suite starts against its own servers: `client.py URL`.

The suite names the scenario, and what it wants called, in environment variables; what a client must do in each stands
in the suite's scenario descriptions.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import httpx2

from dragoman import (
    AuthorizationCode,
    Client,
    ClientCredentials,
    ClientError,
    Elicitation,
    ElicitResult,
    IdentityAssertion,
    JwtBearer,
    MemoryTokens,
    OAuth,
    SamplingRequest,
)

SCENARIO: Final = "MCP_CONFORMANCE_SCENARIO"
CONTEXT: Final = "MCP_CONFORMANCE_CONTEXT"
METADATA_URL: Final = "https://conformance-test.local/client-metadata.json"
Given = Mapping[str, Any]
Act = Callable[[Client, Given], Awaitable[object]]


def fill_in(question: Elicitation) -> ElicitResult:
    """Fill in a form: what has a default keeps it, what is to be confirmed is."""
    return question.accept({"confirmed": True} if "confirmed" in question.schema["properties"] else {})


def refuse(_request: SamplingRequest) -> str:
    """Stand in for a model, which no scenario asks."""
    raise AssertionError("no scenario samples")


async def look(client: Client, _given: Given) -> None:
    """Connect, and see what tools there are."""
    await client.list_tools()


async def add(client: Client, _given: Given) -> None:
    """Call a tool with two numbers."""
    (tool,) = await client.list_tools()
    await client.call_tool(tool.name, {"a": 2, "b": 3})


async def call_each(client: Client, _given: Given) -> None:
    """Call every tool that the client shows."""
    for tool in await client.list_tools():
        await client.call_tool(tool.name)


async def call_as_told(client: Client, given: Given) -> None:
    """Call the tools that the suite names, with its arguments."""
    await client.list_tools()
    for call in given["toolCalls"]:
        await client.call_tool(call["name"], call["arguments"])


async def use_everything(client: Client, _given: Given) -> None:
    """Use each kind of feature once."""
    for tool in await client.list_tools():
        await client.call_tool(tool.name)
    for resource in await client.list_resources():
        await client.read_resource(resource.uri)
    for prompt in await client.list_prompts():
        await client.get_prompt(prompt.name)


async def answer_questions(client: Client, _given: Given) -> None:
    """Call tools that ask, one of them while another waits for its answer."""
    await asyncio.gather(client.call_tool("test_mrtr_echo_state"), client.call_tool("test_mrtr_unrelated"))
    await client.call_tool("test_mrtr_no_state")
    await client.call_tool("test_mrtr_no_result_type")


async def echo_schema(client: Client, _given: Given) -> None:
    """Hand a tool's schema back as it came."""
    schemas = {tool.name: tool.input_schema for tool in await client.list_tools()}
    await client.call_tool("json_schema_echo", {"schema": schemas["json_schema_2020_12_tool"]})


async def look_at_skills(client: Client, _given: Given) -> None:
    """See what skills there are, and use none."""
    assert await client.list_skills()


async def use_skills(client: Client, _given: Given) -> None:
    """Load every skill and read its files; say why one cannot be used."""
    for skill in await client.list_skills():
        try:
            loaded = await client.load_skill(skill)
        except ClientError as error:
            sys.stderr.write(f"refused: {error}\n")
        else:
            for file in loaded.files:
                await loaded.read(file)


async def call_signed_in(client: Client, _given: Given) -> None:
    """Use every tool, as somebody who may have to sign in for it."""
    for tool in await client.list_tools():
        await client.call_tool(tool.name)


async def visit(url: str) -> str:
    """Go where a browser would, to a server that asks nobody; where it was sent to."""
    async with httpx2.AsyncClient(trust_env=False, follow_redirects=False) as browser:
        return (await browser.get(url)).headers["location"]


def sign_in(scenario: str, given: Given) -> OAuth:
    """How to sign in, by what the suite hands over."""
    by_hand = {name: given[name] for name in ("client_id", "client_secret") if name in given}
    memory = MemoryTokens()
    match scenario:
        case "auth/client-credentials-jwt":
            key, algorithm = given["private_key_pem"], given["signing_algorithm"]
            return OAuth(
                grant=ClientCredentials(),
                client_id=given["client_id"],
                private_key=key,
                algorithm=algorithm,
                tokens=memory,
            )
        case "auth/client-credentials-basic":
            return OAuth(grant=ClientCredentials(), tokens=memory, **by_hand)
        case "auth/wif-jwt-bearer":
            return OAuth(grant=JwtBearer(given["valid_jwt"]), tokens=memory, **by_hand)
        case "auth/enterprise-managed-authorization":
            person = IdentityAssertion(
                id_token=given["idp_id_token"],
                token_endpoint=given["idp_token_endpoint"],
                client_id=given["idp_client_id"],
            )
            return OAuth(grant=person, tokens=memory, **by_hand)
        case _:
            return OAuth(
                grant=AuthorizationCode(redirect=visit),
                client_metadata_url=METADATA_URL,
                older_servers=scenario.startswith("auth/2025-03-26"),
                tokens=memory,
                **by_hand,
            )


ACTS: Final[Mapping[str, Act]] = {
    "initialize": look,
    "tools_call": add,
    "elicitation-sep1034-client-defaults": call_each,
    "sse-retry": call_each,
    "request-metadata": look,
    "sep-2322-client-request-state": answer_questions,
    "http-standard-headers": use_everything,
    "http-custom-headers": call_as_told,
    "http-invalid-tool-headers": call_each,
    "json-schema-ref-no-deref": look,
    "json-schema-2020-12-preservation": echo_schema,
    "sep-2640-client-no-prefetch": look_at_skills,
    "sep-2640-client-verify-digest": use_skills,
    "sep-2640-client-verify-size": use_skills,
    "sep-2640-client-verify-frontmatter": use_skills,
}


REFUSED: Final = frozenset(
    {
        "auth/resource-mismatch",
        "auth/scope-retry-limit",
        "auth/iss-supported-missing",
        "auth/iss-wrong-issuer",
        "auth/iss-unexpected",
        "auth/iss-normalized",
        "auth/metadata-issuer-mismatch",
    }
)
"""The scenarios in which a client must not go on."""


async def main(url: str) -> None:
    """Act in the scenario of the environment."""
    given = json.loads(os.environ.get(CONTEXT, "{}"))
    scenario = os.environ[SCENARIO]
    if not scenario.startswith("auth/"):
        async with Client(url, on_elicit=fill_in, on_sample=refuse, roots=[]) as client:
            await ACTS[scenario](client, given)
        return
    try:
        async with Client(url, auth=sign_in(scenario, given)) as client:
            await call_signed_in(client, given)
    except ClientError as error:
        if scenario not in REFUSED:
            raise
        sys.stderr.write(f"refused: {error}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
