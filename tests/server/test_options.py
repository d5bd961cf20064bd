"""What may be said of a feature when it is registered."""

from typing import Any

import pytest

from dragoman import Server, UsageError
from dragoman.server.options import (
    AppOptions,
    PromptOptions,
    ResourceOptions,
    TemplateOptions,
    ToolOptions,
    refuse_unknown,
)


def it() -> str:
    return "x"


def one(name: str) -> str:
    return name


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        (
            ToolOptions,
            {"annotations", "input_schema", "task", "task_start", "ui", "visibility", "roles", "scopes", "when"},
        ),
        (PromptOptions, {"complete"}),
        (AppOptions, {"csp", "domain", "permissions", "prefers_border"}),
        (ResourceOptions, {"annotations", "mime_type"}),
        (TemplateOptions, {"annotations", "mime_type", "complete", "list"}),
    ],
)
def test_every_feature_has_the_common_options_and_its_own(kind: Any, own: set[str]) -> None:
    assert kind.__optional_keys__ == own | {"name", "title", "description", "icons", "meta"}
    refuse_unknown(kind.__optional_keys__, kind)


@pytest.mark.parametrize(
    ("register", "reason"),
    [
        (lambda server: server.tool("x", titel="t")(it), "no option 'titel' here; did you mean 'title'?"),
        (lambda server: server.tool(it, zzz=1), "no option 'zzz' here; there are annotations, description"),
        (lambda server: server.prompt("x", list=it)(it), "no option 'list'"),
        (lambda server: server.resource("a://b", list=it)(it), "no option 'list'"),
        (lambda server: server.resource("a://b", complete={})(it), "no option 'complete'"),
        (lambda server: server.resource("a://{name}", mimetype="x")(one), "did you mean 'mime_type'?"),
        (lambda server: server.tool(mime_type="x")(it), "no option 'mime_type'"),
    ],
)
def test_an_option_that_does_not_exist_is_refused(register: Any, reason: str) -> None:
    server = Server("options")
    with pytest.raises(UsageError) as raised:
        register(server)
    assert reason in str(raised.value)
    assert not server.tools.named
    assert not server.prompts.named
    assert not server.resources.named
