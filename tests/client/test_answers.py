"""What the client answers when a server asks."""

import json

from dragoman.client.answers import answer
from dragoman.client.wire import messages_in


def test_a_ping_is_answered() -> None:
    (message,) = messages_in(b'{"jsonrpc":"2.0","id":"a","method":"ping"}')
    assert json.loads(answer(message)) == {"jsonrpc": "2.0", "id": "a", "result": {}}


def test_anything_else_is_refused_by_name() -> None:
    (message,) = messages_in(b'{"jsonrpc":"2.0","id":0,"method":"sampling/createMessage","params":{}}')
    assert json.loads(answer(message)) == {
        "jsonrpc": "2.0",
        "id": 0,
        "error": {"code": -32601, "message": "This client does not answer sampling/createMessage."},
    }
