"""Asking the client in the middle of a call, one API on every revision (MRTR; Elicitation; Sampling; Roots).

Up to 2025-11-25 a question is a request on the wire, awaited. From 2026-07-28 on the call ends with the questions and a
sealed state; the client's retry runs the function again, and the questions already answered return at once. So a
function asks in the same order each time, and keeps what it did before a question with `Context.once`.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
from msgspec import UNSET, Raw, Struct

from dragoman.errors import InvalidParams, MissingCapability, ToolError, UsageError
from dragoman.protocol.asking import InputRequest, InputRequiredResult
from dragoman.protocol.messages import RetryParams
from dragoman.server.seal import BrokenSeal

if TYPE_CHECKING:
    from dragoman.server.exchange import Exchange
    from dragoman.server.questions import Question

_PURPOSE: Final = b"requestState"
_MOST_USED: Final = 100_000  # nonces of used states that are remembered


class Pause(BaseException):
    """Ends a call that cannot go on without answers; not an Exception, so that no tool catches it by accident.

    Args:
        requests: the questions, by key.
        state: what the retry must bring back.
    """

    def __init__(self, requests: dict[str, InputRequest], state: str) -> None:
        super().__init__("the call waits for answers")
        self.result = InputRequiredResult(input_requests=requests, request_state=state, result_type="input_required")


class _State(Struct, array_like=True):
    """What is sealed into `requestState`.

    `answers` holds, by the key of the question, the question's digest and its answer; `once` what was kept.
    """

    principal: str
    request: str
    expires: float
    nonce: str
    asked: dict[str, str]
    answers: dict[str, tuple[str, Raw]]
    once: dict[str, Raw]


class UsedStates:
    """Remembers which states were used, so that one is not used twice in this process."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}  # nonce -> when the state expires anyway; oldest first

    def use(self, nonce: str, expires: float) -> bool:
        """Use a state; False when it was used before."""
        if nonce in self._used:
            return False
        now = time.time()
        while self._used and (len(self._used) >= _MOST_USED or next(iter(self._used.values())) < now):
            del self._used[next(iter(self._used))]
        self._used[nonce] = expires
        return True


class Dialogue:
    """What was asked and answered in the rounds of one call (2026-07-28 on).

    Args:
        exchange: the request of this round.
        digest: of the request's method and parameters; all rounds have the same.
        state: what the client brought back; None in the first round.
        responses: the answers it brought, by key.
    """

    def __init__(self, exchange: "Exchange", digest: str, state: _State | None, responses: dict[str, Raw]) -> None:
        self._exchange = exchange
        self._digest = digest
        self._keys: set[str] = set()  # of the questions this run has asked
        self._answers = {} if state is None else state.answers
        self.once = {} if state is None else state.once
        for key, question in {} if state is None else state.asked.items():
            if key in responses:
                self._answers[key] = (question, responses[key])

    def take(self, questions: "Sequence[Question]") -> list[Any]:
        """The answers to these questions, or the end of this round.

        Raises:
            Pause: an answer is missing or does not fit its question.
            ToolError: another question was asked in its place before.
            UsageError: another question of this run has its key.
        """
        values: list[Any] = []
        open_: dict[str, InputRequest] = {}
        asked: dict[str, str] = {}
        for question in questions:
            key = self._key_of(question)
            request = InputRequest(question.method, question.params(self._exchange.revision))
            digest = digest_of(request)
            known = self._answers.get(key)
            if known is not None and known[0] != digest:
                message = (
                    "The questions of this call changed between two rounds: a tool must ask in the same order each "
                    "time it runs. Keep what may differ with ctx.once."
                )
                raise ToolError(message)
            if known is not None:
                try:
                    values.append(question.read(known[1]))
                    continue
                except (ValueError, msgspec.MsgspecError):
                    del self._answers[key]
            open_[key], asked[key] = request, digest
        if open_:
            self._pause(open_, asked)
        return values

    def recall(self, method: str, params: dict[str, Any]) -> Raw | None:
        """The answer to a question of an earlier round that this run did not ask yet; None where there is none.

        A call that became a task asks otherwise than the rounds before it, and does not ask again what they asked.
        """
        digest = digest_of(InputRequest(method, params))
        for key, (asked, answer) in self._answers.items():
            if asked == digest and key not in self._keys:
                self._keys.add(key)
                return answer
        return None

    def _key_of(self, question: "Question") -> str:
        """The key a question was given, or its place; unique in the call (MRTR, Server Requirements)."""
        place = len(self._keys)
        while question.key is None and f"q{place}" in self._keys:
            place += 1
        key = f"q{place}" if question.key is None else question.key
        if key in self._keys:
            raise UsageError(f"Two questions of one call have the key '{key}'; give each its own.")
        self._keys.add(key)
        return key

    def _pause(self, requests: dict[str, InputRequest], asked: dict[str, str]) -> NoReturn:
        server = self._exchange.server
        expires = time.time() + server.limits.question_seconds
        state = _State(
            principal=owner_of(self._exchange),
            request=self._digest,
            expires=expires,
            nonce=secrets.token_urlsafe(12),
            asked=asked,
            answers=self._answers,
            once=self.once,
        )
        plain = msgspec.json.encode(state)
        if len(plain) > server.limits.request_state_bytes:
            message = (
                f"What this call keeps between questions is larger than {server.limits.request_state_bytes} bytes; "
                "keep less with ctx.once."
            )
            raise ToolError(message)
        raise Pause(requests, server.seal.seal(plain, _PURPOSE))


async def ask_all(exchange: "Exchange", questions: "Sequence[Question]") -> list[Any]:
    """Ask, on whichever wire and revision.

    Raises:
        MissingCapability: the client did not declare what a question needs (2026-07-28 on).
        ToolError: it did not (older revisions), or its answer cannot be used.
        Pause: the call ends with the questions (2026-07-28 on).
    """
    for question in questions:
        _check_capability(exchange, question)
    if exchange.asks_by_retry:
        return dialogue_of(exchange).take(questions)
    if len(questions) == 1:
        return [await _ask(exchange, questions[0])]
    asking = [asyncio.ensure_future(_ask(exchange, question)) for question in questions]
    try:
        return list(await asyncio.gather(*asking))
    finally:  # when one is refused, nobody waits for the others
        for each in asking:
            each.cancel()


async def _ask(exchange: "Exchange", question: "Question") -> Any:
    answer = await exchange.ask(question.method, question.params(exchange.revision))
    try:
        return question.read(answer)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ToolError(f"The client's answer does not fit the question: {error}.") from None


async def once(exchange: "Exchange", key: str, function: Callable[[], Any | Awaitable[Any]]) -> Any:
    """Do something once in all rounds of a call and keep what it gave, which must be JSON.

    The first round, too, is given what was kept: a tuple is a list in all of them.

    Raises:
        UsageError: it is not JSON.
    """
    kept = dialogue_of(exchange).once
    if key not in kept:
        value = function()
        if isinstance(value, Awaitable):
            value = await value
        try:
            kept[key] = Raw(msgspec.json.encode(value))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            message = f"What ctx.once('{key}') gave is no JSON: {error}. Return texts, numbers, lists, dicts."
            raise UsageError(message) from error
    return msgspec.json.decode(kept[key])


def dialogue_of(exchange: "Exchange") -> Dialogue:
    """The dialogue of this call, begun with its first question."""
    if exchange.dialogue is None:
        exchange.dialogue = Dialogue(exchange, request_digest(exchange), None, {})
    return exchange.dialogue


def resume(exchange: "Exchange", params: RetryParams) -> None:
    """Take up the dialogue that a retry brings back, or refuse it.

    Raises:
        InvalidParams: the state is not ours, not this caller's, not this request's, used or too old.
    """
    server, digest = exchange.server, request_digest(exchange)
    try:
        sealed = "" if params.request_state is UNSET else params.request_state
        state = msgspec.json.decode(server.seal.open(sealed, _PURPOSE), type=_State)
    except (BrokenSeal, msgspec.MsgspecError):
        raise InvalidParams("The requestState is not one of this server's; call again without it.") from None
    if state.principal != owner_of(exchange) or state.request != digest:
        raise InvalidParams("The requestState belongs to another request; call again without it.")
    if state.expires < time.time():
        raise InvalidParams("The requestState has expired; call again without it.")
    if not server.used_states.use(state.nonce, state.expires):
        raise InvalidParams("The requestState was used before; call again without it.")
    responses = {} if params.input_responses is UNSET else params.input_responses
    exchange.dialogue = Dialogue(exchange, digest, state, responses)


def request_digest(exchange: "Exchange") -> str:
    """What makes two rounds the same request: the method and its own parameters."""
    method, params = exchange.method, exchange.params
    if method is None or params is None:
        return ""  # an exchange that no request was dispatched on
    own = {
        name: getattr(params, name)
        for name in params.__struct_fields__
        if name not in ("meta", "input_responses", "request_state", "task")
    }
    if isinstance(own.get("arguments"), Raw):
        own["arguments"] = msgspec.json.decode(own["arguments"])
    return digest_of([method.name, own])


def digest_of(value: Any) -> str:
    """A short digest of a JSON value that does not depend on the order of keys."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:32]


def owner_of(exchange: "Exchange") -> str:
    """The caller, as states name them."""
    return digest_of(exchange.principal.identity)


def _check_capability(exchange: "Exchange", question: "Question") -> None:
    """See that the client declared what the question needs (Base protocol, `_meta`; MRTR)."""
    declared: Any = {} if exchange.capabilities is UNSET else exchange.capabilities
    first, *rest = question.capability
    present = declared.get(first) is not None
    for step in rest if present else ():
        inner = declared[first] if isinstance(declared[first], dict) else {}
        # An empty `elicitation` means forms (Elicitation, Capabilities).
        present = step in inner or (step == "form" and "url" not in inner)
    if present:
        return
    needed: dict[str, Any] = {first: {step: {} for step in rest}}
    message = f"This call asks the client something for which it did not declare '{'.'.join(question.capability)}'."
    if exchange.revision.modern:
        raise MissingCapability(message, {"requiredCapabilities": needed})
    raise ToolError(message)
