"""What becomes of an exception: it goes on, or it is masked."""

import asyncio
import logging
import re

import pytest

from dragoman import InvalidParams, ToolError
from dragoman.server.ask import Pause
from dragoman.server.mask import decisive, mask, mask_unforeseen

PAUSE = Pause({}, "state")


def test_a_mask_says_a_reference_and_the_log_explains_it(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("the password is hunter2")
    shown = mask(error, "tool 'add'")
    found = re.fullmatch(
        r"Internal error in tool 'add'\. The server's log has the details under reference ([0-9a-f]{8})\.", shown
    )
    assert found, shown
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert found[1] in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert "hunter2" in caplog.text


def test_two_masks_have_two_references() -> None:
    assert mask(ValueError(), "x") != mask(ValueError(), "x")


@pytest.mark.parametrize("error", [ValueError("secret"), SystemExit("secret"), ExceptionGroup("secret", [OSError()])])
def test_what_nobody_foresaw_is_masked(error: BaseException) -> None:
    assert "secret" not in mask_unforeseen(error, "x")


@pytest.mark.parametrize("error", [InvalidParams("mine"), PAUSE, KeyboardInterrupt(), GeneratorExit()])
def test_what_is_for_somebody_further_up_goes_on(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        mask_unforeseen(error, "x")
    assert raised.value is error


async def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    assert "Internal error" in mask_unforeseen(asyncio.CancelledError(), "x")


async def test_a_cancellation_that_was_asked_for_goes_on() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            mask_unforeseen(error, "x")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_outside_a_task_goes_on() -> None:
    outcome = asyncio.get_running_loop().create_future()

    def outside() -> None:
        try:
            mask_unforeseen(asyncio.CancelledError(), "x")
        except asyncio.CancelledError:
            outcome.set_result("went on")

    asyncio.get_running_loop().call_soon(outside)
    assert await outcome == "went on"


@pytest.mark.parametrize("first", [ToolError("a"), InvalidParams("b"), PAUSE])
def test_of_a_group_of_ours_the_first_decides(first: BaseException) -> None:
    inner = BaseExceptionGroup("inner", [first, ToolError("later")])
    assert decisive(BaseExceptionGroup("outer", [inner, InvalidParams("later")])) is first


def test_a_group_with_something_unforeseen_decides_as_a_whole() -> None:
    group = BaseExceptionGroup("mixed", [ToolError("a"), OSError("b")])
    assert decisive(group) is group
    assert "Internal error" in mask_unforeseen(group, "x")


def test_what_is_no_group_decides_itself() -> None:
    error = OSError()
    assert decisive(error) is error
