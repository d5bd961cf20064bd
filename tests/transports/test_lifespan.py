"""What an ASGI server says besides requests."""

from typing import Any

from dragoman import Server


async def said(app: Any, kind: str, *events: str) -> list[str]:
    coming, sent = [{"type": event} for event in events], []

    async def receive() -> Any:
        return coming.pop(0)

    async def send(event: Any) -> None:
        sent.append(event["type"])

    await app({"type": kind}, receive, send)
    return sent


async def test_the_program_begins_and_ends() -> None:
    app = Server("s", "1").asgi()
    steps = ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert await said(app, "lifespan", "lifespan.startup", "lifespan.shutdown") == steps


async def test_a_start_that_fails_is_told() -> None:
    def lifespan(_server: Server) -> Any:
        raise OSError("no disk")

    app = Server("s", "1", lifespan=lifespan).asgi()
    assert await said(app, "lifespan", "lifespan.startup") == ["lifespan.startup.failed"]


async def test_a_websocket_is_closed() -> None:
    assert await said(Server("s", "1").asgi(), "websocket", "websocket.connect") == ["websocket.close"]
