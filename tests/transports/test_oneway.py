"""Messages that want no answer: a client's notifications, and its answers to questions of ours."""

import asyncio
import json
from typing import Any

import pytest

from dragoman.auth.principal import ANONYMOUS
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message
from dragoman.server.exchange import Exchange
from dragoman.transports import oneway
from dragoman.transports.sessions import Session


def message(**members: Any) -> Message:
    return jsonrpc.decode(json.dumps({"jsonrpc": "2.0", **members}).encode(), 64)


@pytest.fixture
def session() -> Session:
    return Session(ANONYMOUS)


async def test_an_answer_reaches_the_question_that_waits(session: Session) -> None:
    future = session.waiting["q1"] = asyncio.get_running_loop().create_future()
    answer = message(id="q1", result={"roots": []})
    oneway.take(session, answer)
    assert future.result() is answer


async def test_a_refusal_is_an_answer(session: Session) -> None:
    future = session.waiting["q1"] = asyncio.get_running_loop().create_future()
    oneway.take(session, message(id="q1", error={"code": -1, "message": "no"}))
    assert b"no" in bytes(future.result().error)


async def test_only_the_first_answer_counts(session: Session) -> None:
    future = session.waiting["q1"] = asyncio.get_running_loop().create_future()
    oneway.take(session, message(id="q1", result={"first": True}))
    oneway.take(session, message(id="q1", result={"first": False}))
    assert b"true" in bytes(future.result().result)


@pytest.mark.parametrize("request_id", ["q2", 1, -1])
async def test_an_answer_to_nothing_is_ignored(session: Session, request_id: Any) -> None:
    future = session.waiting["q1"] = asyncio.get_running_loop().create_future()
    oneway.take(session, message(id=request_id, result={}))
    assert not future.done()


@pytest.mark.parametrize(("named", "other"), [(7, "7"), ("7", 7)])
def test_a_cancellation_stops_the_request_it_names_and_no_other(session: Session, named: Any, other: Any) -> None:
    session.in_flight = {named: Exchange(), other: Exchange()}
    oneway.take(session, message(method="notifications/cancelled", params={"requestId": named, "reason": "enough"}))
    assert (session.in_flight[named].gone, session.in_flight[other].gone) == (True, False)


@pytest.mark.parametrize(
    "params", [{}, {"requestId": None}, {"requestId": {}}, {"requestId": 8}, {"requestId": [1]}, {"reason": "x"}]
)
def test_a_cancellation_of_nothing_is_ignored(session: Session, params: dict[str, Any]) -> None:
    exchange = session.in_flight[7] = Exchange()
    oneway.take(session, message(method="notifications/cancelled", params=params))
    assert not exchange.gone


def test_a_cancellation_without_parameters_is_ignored(session: Session) -> None:
    exchange = session.in_flight[7] = Exchange()
    oneway.take(session, message(method="notifications/cancelled"))
    assert not exchange.gone


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/roots/list_changed", "x"])
def test_other_notifications_change_nothing(session: Session, method: str) -> None:
    exchange = session.in_flight[7] = Exchange()
    oneway.take(session, message(method=method, params={"requestId": 7}))
    assert not exchange.gone
