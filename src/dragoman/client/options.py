"""The options of a `Client`: what only some wires take, and what a client answers, declares and keeps."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from dragoman.client.answers import Handlers
from dragoman.client.oauth.options import OAuth
from dragoman.client.questions import ElicitCallback, ElicitMode, Folder, RootsCallback, SampleCallback


class WireOptions(TypedDict):
    """What only some wires take.

    Args:
        headers: HTTP: header fields for every request.
        auth: HTTP: a token such as an API key, or `OAuth(...)` to sign in where the server wants it.
        response_bytes: HTTP and commands: the largest message taken, bytes; 64 MiB unless given.
        env: commands: variables to add to this process's environment.
        cwd: commands: the directory to start in.
        on_stderr: commands: receives each line of the server's stderr, which is passed on otherwise.
    """

    headers: NotRequired[Mapping[str, str]]
    auth: NotRequired[str | OAuth | None]
    response_bytes: NotRequired[int]
    env: NotRequired[Mapping[str, str]]
    cwd: NotRequired[str | os.PathLike[str]]
    on_stderr: NotRequired[Callable[[str], None]]


class ClientOptions(WireOptions):
    """What a client answers, declares and keeps.

    Args:
        on_elicit: asks the user what the server asks: gets an `Elicitation` and gives `question.accept(...)` or its
            like, a mapping of fields to accept, None to cancel; sync or async.
        elicit_modes: what `on_elicit` can show: `("form",)`, or `("form", "url")` when it also shows links.
        on_sample: asks the model: gets a `SamplingRequest` and gives text or a `CreateMessageResult`; sync or async.
        sample_tools: whether the model may be given tools.
        roots: paths, `file://` URIs or `Root` objects that servers may work on, or a function that gives them.
        extensions: further extensions to declare, by their identifier, with their settings.
        rounds: how often one request is sent again with answers (2026-07-28).
        cache: whether results are kept as long as the server says that they are fresh.
    """

    on_elicit: NotRequired[ElicitCallback | None]
    elicit_modes: NotRequired[Sequence[ElicitMode]]
    on_sample: NotRequired[SampleCallback | None]
    sample_tools: NotRequired[bool]
    roots: NotRequired[Sequence[Folder] | RootsCallback | None]
    extensions: NotRequired[Mapping[str, Mapping[str, Any]]]
    rounds: NotRequired[int]
    cache: NotRequired[bool]


def take_handlers(options: ClientOptions, name: str) -> Handlers:
    """Take the options that answer questions out of the others."""
    roots = options.pop("roots", None)
    return Handlers(
        on_elicit=options.pop("on_elicit", None),
        elicit_modes=tuple(options.pop("elicit_modes", ("form",))),
        on_sample=options.pop("on_sample", None),
        sample_tools=options.pop("sample_tools", False),
        roots=roots if roots is None or callable(roots) else tuple(roots),
        model=name,
    )
