"""Whatever is raised becomes an answer, or ends the task."""

import asyncio
import json
import logging

import pytest

from dragoman.errors import InvalidParams, ResourceNotFound
from dragoman.protocol.revisions import REVISIONS
from dragoman.secrets import register
from dragoman.server.exchange import Exchange
from dragoman.testing import assert_canonical_error
from dragoman.transports.failures import answer_of, is_failure, keep_on


def exchange_in(version: str = "2026-07-28") -> Exchange:
    exchange = Exchange()
    exchange.id, exchange.revision = 7, REVISIONS[version]
    return exchange


@pytest.mark.parametrize(("version", "code"), [("2025-11-25", -32002), ("2026-07-28", -32602)])
async def test_a_fault_has_the_code_of_its_revision(version: str, code: int) -> None:
    answer = answer_of(exchange_in(version), ResourceNotFound("a://b"))
    assert answer is not None
    assert_canonical_error(json.loads(answer), code=code, request_id=7)


async def test_no_fault_shows_a_known_secret() -> None:
    register('fl-4b"03zz')
    answer = answer_of(exchange_in(), InvalidParams('no fl-4b"03zz', {"was": 'fl-4b"03zz'}))
    assert answer is not None
    assert json.loads(answer)["error"] == {"code": -32602, "message": "no ***", "data": {"was": "***"}}


@pytest.mark.parametrize("error", [ValueError("secret"), SystemExit("secret"), asyncio.CancelledError("secret")])
async def test_what_a_function_raised_is_masked(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL):
        answer = answer_of(exchange_in(), error)
    assert answer is not None
    assert_canonical_error(json.loads(answer), code=-32603, request_id=7)
    assert b"secret" not in answer


@pytest.mark.parametrize("error", [InvalidParams("x"), ValueError("x"), asyncio.CancelledError()])
async def test_a_request_that_was_taken_back_has_no_answer(error: BaseException) -> None:
    exchange = exchange_in()
    exchange.gone = True
    assert answer_of(exchange, error) is None


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit()])
async def test_the_end_of_the_program_is_passed_on(error: BaseException) -> None:
    with pytest.raises(type(error)):
        answer_of(exchange_in(), error)


async def test_a_task_that_is_cancelled_ends() -> None:
    async def cancelled() -> bool:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError as error:
            return is_failure(error)
        return True

    task = asyncio.create_task(cancelled())
    await asyncio.sleep(0)
    task.cancel()
    assert await task is False


async def test_outside_of_a_task_a_cancellation_is_none_of_ours() -> None:
    seen: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: seen.set_result(is_failure(asyncio.CancelledError())))
    assert await seen is False


async def test_the_task_lives_on() -> None:
    exchange = exchange_in()
    keep_on(exchange)
    task = exchange.task = asyncio.current_task()
    assert task is not None
    exchange.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    keep_on(exchange)
    assert task.cancelling() == 0
