"""What the client answers when an older server asks (revisions up to 2025-11-25; later ones ask in results).

`ping` is answered, as every party must (Base protocol, Ping); anything else is refused by name, so that the server
does not wait.
"""

from typing import Any

from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import ErrorBody, ErrorResponse, Message, RequestId, Response

METHOD_NOT_FOUND = -32601


def answer(message: Message) -> bytes:
    """Encode the answer to a request from the server."""
    request_id: Any = message.id
    return _encode(request_id, str(message.method))


def _encode(request_id: RequestId, method: str) -> bytes:
    if method == "ping":
        return jsonrpc.encode(Response(request_id, {}))
    body = ErrorBody(METHOD_NOT_FOUND, f"This client does not answer {method}.")
    return jsonrpc.encode(ErrorResponse(request_id, body))
