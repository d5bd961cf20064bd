"""What an ASGI server says besides requests: that the program begins and ends, and that somebody wants a WebSocket."""

from typing import TYPE_CHECKING

from dragoman.transports.public import Receive, Scope, Send

if TYPE_CHECKING:
    from dragoman.transports.http import Endpoint


async def serve_lifespan(endpoint: "Endpoint", scope: Scope, receive: Receive, send: Send) -> None:
    """Start and close an endpoint as its ASGI server says; a WebSocket is closed at once."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
        return
    while True:
        event = await receive()
        step = endpoint.start if event["type"] == "lifespan.startup" else endpoint.close
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - told to the ASGI server, which ends the program
            await send({"type": f"{event['type']}.failed", "message": str(error)})
            return
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
