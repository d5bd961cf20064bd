"""Requests that are not done with their first answer (2026-07-28, Multi Round-Trip Requests).

The questions are answered, and the request is sent again under a new id with the answers and the server's state, to
the letter. Nothing of this is kept beyond the one request.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from dragoman.client.answers import Answers, NoAnswer
from dragoman.client.caller import Caller
from dragoman.client.listener import ProgressCallback
from dragoman.client.replies import kind_of
from dragoman.errors import ConnectionFault
from dragoman.protocol.asking import InputRequest

ROUNDS: Final = 16
"""How often one request is sent again unless told otherwise."""

_PAUSE_SECONDS: Final = 0.05  # before the second retry without a question; doubles
_LONGEST_PAUSE_SECONDS: Final = 5.0


class _Asked(Struct):
    """A question; `roots/list` may come without parameters."""

    method: str
    params: dict[str, Any] | None = None


class _InputRequired(Struct, rename="camel"):
    input_requests: dict[str, _Asked] | None = None
    request_state: str | None = None


_decoder: Final = msgspec.json.Decoder(_InputRequired)


class Asking(Struct, frozen=True):
    """How a request is sent again.

    Args:
        caller: sends it.
        answers: who knows the answers.
        rounds: how often at most.
    """

    caller: Caller
    answers: Answers
    rounds: int

    async def finish(
        self,
        raw: Raw,
        method: str,
        params: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  (the limit cancels on the wire, which callers cannot do)
        on_progress: ProgressCallback | None = None,
        mirrored: Mapping[str, str] | None = None,
    ) -> Raw:
        """Answer a server's questions until it says something else.

        Args:
            raw: the result that asks.
            method: the request's method.
            params: its parameters.
            timeout: seconds for each round; the time that answers take does not count.
            on_progress: hears the request's progress.
            mirrored: `Mcp-Param-*` headers.

        Returns:
            The first result that asks nothing.

        Raises:
            NoAnswer: the server asks what nobody here answers.
            ClientError: an answer does not fit its question, or the server never stops asking.
            ConnectionFault: the result is not what the protocol says.
        """
        silent = 0
        for _ in range(self.rounds):
            asked = _read(raw, method)
            retry = dict(params)
            if asked.input_requests:
                silent = 0
                retry["inputResponses"] = await self._answer(asked.input_requests, method)
            else:
                if silent:
                    await asyncio.sleep(min(_PAUSE_SECONDS * 2**silent, _LONGEST_PAUSE_SECONDS))
                silent += 1
            if asked.request_state is not None:
                retry["requestState"] = asked.request_state
            raw = await self.caller.ask(
                method, retry, timeout=timeout, on_progress=on_progress, mirrored=mirrored or {}
            )
            if kind_of(raw) != "input_required":
                return raw
        message = f"{method}: the server still asks after {self.rounds} rounds (rounds)."
        raise ConnectionFault(message)

    async def _answer(self, asked: Mapping[str, _Asked], method: str) -> dict[str, Any]:
        try:
            requests = {key: InputRequest(one.method, one.params or {}) for key, one in asked.items()}
            return await self.answers.answer_all(requests)
        except NoAnswer as refusal:
            message = f"{method}: the server asks before it finishes ({', '.join(asked)}). {refusal}"
            raise NoAnswer(message) from None


def _read(raw: Raw, method: str) -> _InputRequired:
    try:
        asked = _decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise ConnectionFault(f"{method}: the server asks something that is no question: {error}.") from None
    if not asked.input_requests and asked.request_state is None:
        raise ConnectionFault(f"{method}: the server wants the request again and says neither why nor with what.")
    return asked
