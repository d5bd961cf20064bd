from dragoman import ClientError, ConnectionFault
from dragoman.client.oauth.faults import SignInFault


def test_it_is_caught_like_any_lost_connection() -> None:
    assert issubclass(SignInFault, ConnectionFault)
    assert "\\x1b" in str(SignInFault("a \x1b[31mserver said this"))
    assert isinstance(SignInFault("x"), ClientError)
