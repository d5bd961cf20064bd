"""The limit of an ASGI server: an application on uvicorn that decodes, adds and encodes, and nothing else."""

import sys
from typing import Any

import uvicorn
from reply import answer

JSON = (b"content-type", b"application/json")


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Answer one request."""
    event = await receive()
    body = event["body"]
    if event["more_body"]:
        parts = [body]
        while event["more_body"]:
            event = await receive()
            parts.append(event["body"])
        body = b"".join(parts)
    data = answer(body)
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
