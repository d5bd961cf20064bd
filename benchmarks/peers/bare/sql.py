"""The limit of `chinook_query`: an endpoint on uvicorn that runs SQL with sqlite3 in a thread, written by hand.

It answers with the same JSON as Dragoman: a table of text for the model, columns and rows for programs.
"""

import asyncio
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvicorn
from msgspec import Raw, Struct, json

MOST = 100
JSON = (b"content-type", b"application/json")
META = Raw(json.encode({"io.modelcontextprotocol/serverInfo": {"name": "dragoman", "version": "0.1.0"}}))


class Arguments(Struct):
    """The arguments of the query."""

    sql: str


class Params(Struct):
    """What names a tool and carries its arguments."""

    name: str
    arguments: Arguments


class Request(Struct):
    """A request."""

    id: int | str
    method: str
    params: Params


class Structured(Struct):
    """The rows for programs."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool
    next: str | None


class Text(Struct):
    """The rows for the model."""

    type: str
    text: str


class Result(Struct, rename="camel"):
    """What a call gives."""

    result_type: str
    _meta: Raw
    content: list[Text]
    structured_content: Structured


class Reply(Struct):
    """An answer."""

    jsonrpc: str
    id: int | str
    result: Result


DECODE = json.Decoder(Request).decode
ENCODE = json.Encoder().encode
THREADS = ThreadPoolExecutor(4)
LOCAL = threading.local()


def query(sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run a statement on this thread's connection, which is read-only."""
    connection = getattr(LOCAL, "connection", None)
    if connection is None:
        connection = LOCAL.connection = sqlite3.connect(f"file:{sys.argv[3]}?mode=ro", uri=True)
    cursor = connection.execute(sql)
    return [column[0] for column in cursor.description], cursor.fetchmany(MOST + 1)


def cell(value: Any) -> str:
    """One cell of the table of text."""
    return "NULL" if value is None else str(value)


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Answer one request."""
    event = await receive()
    request = DECODE(event["body"])
    columns, rows = await asyncio.get_running_loop().run_in_executor(THREADS, query, request.params.arguments.sql)
    text = "\n".join(["\t".join(columns), *("\t".join(map(cell, row)) for row in rows)])
    result = Result("complete", META, [Text("text", text)], Structured(columns, rows[:MOST], len(rows) > MOST, None))
    data = ENCODE(Reply("2.0", request.id, result))
    length = (b"content-length", str(len(data)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [JSON, length]})
    await send({"type": "http.response.body", "body": data})


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[2]),
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )
