"""What the client answers when a server asks: about its user, its model, its folders.

One set of handlers for both ways of asking: requests of the server (up to 2025-11-25), each answered in a task of its
own so that nothing waits for the user, and questions inside a result (2026-07-28 on). Capabilities are declared for
what can be answered and for nothing else.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import msgspec
from msgspec import Struct

from dragoman.client.questions import (
    Elicitation,
    ElicitCallback,
    ElicitMode,
    Folder,
    RootsCallback,
    SampleCallback,
    read_elicitation,
    read_request,
    read_roots,
    read_sample,
)
from dragoman.client.wire import quote
from dragoman.errors import ClientError, ConnectionFault, DragomanError, UsageError
from dragoman.protocol import jsonrpc
from dragoman.protocol.asking import InputRequest
from dragoman.protocol.jsonrpc import ErrorBody, ErrorResponse, Message, RequestId, Response
from dragoman.protocol.messages import CancelledParams

logger: Final = logging.getLogger("dragoman.client")

METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

Send = Callable[[bytes], Awaitable[None]]

_MODES: Final = ("form", "url")
_QUESTIONS: Final = 64  # of a server at one time; more would be an attack on the user
_SHOWN: Final = 500
_OPTIONS: Final = {
    "elicitation/create": "on_elicit",
    "sampling/createMessage": "on_sample",
    "roots/list": "roots",
}
_params: Final = msgspec.json.Decoder(dict[str, Any])
_cancelled: Final = msgspec.json.Decoder(CancelledParams)


class NoAnswer(ClientError):
    """The server asks something that this client has no answer to."""


class Handlers(Struct, kw_only=True):
    """What answers a server's questions; None for what is not answered.

    Args:
        on_elicit: asks the user.
        elicit_modes: what it can show: forms, links.
        on_sample: asks the model.
        sample_tools: whether its model may call tools.
        roots: the folders that servers may work on, or what names them.
        model: what the model is called where a handler does not say.
    """

    on_elicit: ElicitCallback | None = None
    elicit_modes: tuple[ElicitMode, ...] = ("form",)
    on_sample: SampleCallback | None = None
    sample_tools: bool = False
    roots: RootsCallback | tuple[Folder, ...] | None = None
    model: str = "unknown"

    def __post_init__(self) -> None:
        if not self.elicit_modes or not set(self.elicit_modes) <= set(_MODES):
            raise UsageError(f"elicit_modes is {self.elicit_modes!r}; it takes 'form', 'url' or both.")
        if self.roots is not None and not callable(self.roots):
            read_roots(self.roots)


class Answers:
    """Answers questions.

    Args:
        handlers: who knows the answers.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        self._tasks: dict[RequestId, asyncio.Task[None]] = {}  # by the id of the server's request
        self.patience: Callable[[], AbstractContextManager[None]] = nullcontext
        """Stops the clocks of the calls in flight while somebody is asked; set by the client."""

    @property
    def capabilities(self) -> dict[str, Any]:
        """What a client with these handlers declares."""
        handlers = self._handlers
        declared: dict[str, Any] = {}
        if handlers.on_elicit is not None:
            declared["elicitation"] = {mode: {} for mode in handlers.elicit_modes}
        if handlers.on_sample is not None:
            declared["sampling"] = {"tools": {}} if handlers.sample_tools else {}
        if handlers.roots is not None:
            declared["roots"] = {}
        return declared

    async def answer(self, method: str, params: Mapping[str, Any]) -> Any:
        """Answer one question.

        Raises:
            NoAnswer: there is no handler for it.
            ClientError: the question is malformed, or the handler's answer does not fit it.
        """
        handlers = self._handlers
        if method == "elicitation/create" and handlers.on_elicit is not None:
            question = Elicitation(params)
            if question.mode not in handlers.elicit_modes:
                raise NoAnswer(f"The server asks the user in {question.mode} mode, which this client did not offer.")
            return read_elicitation(await _outcome(handlers.on_elicit(question)), question)
        if method == "sampling/createMessage" and handlers.on_sample is not None:
            request = read_request(params, tools=handlers.sample_tools)
            return read_sample(await _outcome(handlers.on_sample(request)), handlers.model)
        if method == "roots/list" and handlers.roots is not None:
            roots = handlers.roots
            return read_roots(await _outcome(roots()) if callable(roots) else roots)
        raise NoAnswer(_unanswered(method, params))

    async def answer_all(self, requests: Mapping[str, InputRequest]) -> dict[str, Any]:
        """Answer the questions of a result at once (Multi Round-Trip Requests).

        Raises:
            ClientError: what `answer` raises; the other questions are taken back then.
            ConnectionFault: the server asks more at one time than anybody can answer.
        """
        if len(requests) > _QUESTIONS:
            raise ConnectionFault(
                f"The server asks {len(requests)} questions at one time; at most {_QUESTIONS} are taken."
            )
        with self.patience():
            tasks = {
                key: asyncio.ensure_future(self.answer(asked.method, asked.params)) for key, asked in requests.items()
            }
            try:
                await asyncio.gather(*tasks.values())
            finally:
                for task in tasks.values():
                    task.cancel()
                await asyncio.gather(*tasks.values(), return_exceptions=True)
        return {key: task.result() for key, task in tasks.items()}

    async def reply(self, message: Message) -> bytes:
        """Encode the answer to a request of the server (up to 2025-11-25); a failure of ours is logged and told."""
        request_id: Any = message.id
        method = str(message.method)
        if method == "ping":
            return jsonrpc.encode(Response(request_id, {}))
        try:
            with self.patience():
                result = await self.answer(method, _params.decode(message.params))
        except NoAnswer as refusal:
            code = INVALID_PARAMS if method in self._answered() else METHOD_NOT_FOUND
            return _error(request_id, code, str(refusal))
        except (ClientError, msgspec.MsgspecError) as error:
            logger.warning("The server's %s is not answered: %s", method, error)
            return _error(request_id, INVALID_PARAMS, str(error))
        except Exception as error:
            logger.exception("The handler for %s failed", method)
            words = str(error) if isinstance(error, DragomanError) else "The client could not answer; see its log."
            return _error(request_id, INTERNAL_ERROR, words)
        return jsonrpc.encode(Response(request_id, result))

    def asks(self, message: Message) -> bool:
        """Whether a request of the server is answered by somebody, which takes its time."""
        return message.method in self._answered()

    def begin(self, message: Message, send: Send) -> None:
        """Answer a request of the server in a task of its own.

        Args:
            message: the request.
            send: delivers the answer.
        """
        request_id: Any = message.id
        if request_id in self._tasks:
            logger.warning("The server asks twice under the id %r; the second time is ignored", request_id)
            return
        task = asyncio.get_running_loop().create_task(self._answer(message, send))
        self._tasks[request_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(request_id, None))

    def take_back(self, message: Message) -> bool:
        """Stop answering when a message is the server's `notifications/cancelled` of something it asked."""
        if message.method != "notifications/cancelled":
            return False
        try:
            task = self._tasks.get(_cancelled.decode(message.params).request_id)
        except msgspec.MsgspecError:
            return False
        if task is not None:
            task.cancel()
        return task is not None

    async def close(self) -> None:
        """Stop answering."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _answered(self) -> set[str]:
        return {method for method, option in _OPTIONS.items() if getattr(self._handlers, option) is not None}

    async def _answer(self, message: Message, send: Send) -> None:
        if len(self._tasks) > _QUESTIONS:
            words = f"The server has {_QUESTIONS} questions open already."
            reply = _error(message.id, INTERNAL_ERROR, words)  # type: ignore[arg-type]
        else:
            reply = await self.reply(message)
        try:
            await send(reply)
        except ClientError as fault:
            logger.warning("The server did not take the answer to its %s: %s", message.method, fault)


def _unanswered(method: str, params: Mapping[str, Any]) -> str:
    """Say what was asked, and which option would answer it."""
    option = _OPTIONS.get(method)
    words = params.get("message")
    asked = f"{method} {quote(words)}" if isinstance(words, str) else method
    if option is None:
        return f"This client does not answer {quote(method)[1:-1]}."
    return f"This client does not answer {asked}; give it {option}."


def _error(request_id: RequestId, code: int, words: str) -> bytes:
    return jsonrpc.encode(ErrorResponse(request_id, ErrorBody(code, words[:_SHOWN])))


async def _outcome(given: Any) -> Any:
    return await given if inspect.isawaitable(given) else given
