"""One line of the log: no caller breaks out of it, and no secret gets into it."""

import msgspec
import pytest
from msgspec import Raw

from dragoman.ops.audit.record import LONGEST_ARGUMENTS, AuditRecord, line_of, redacted


@pytest.mark.parametrize("sent", ["a\nb", "a\r\nb", "a\u2028b", "\x00", "\t{}", '"}\n{"at":1}'])
def test_nothing_sent_ends_a_line(sent: str) -> None:
    line = line_of(
        AuditRecord(at=1.0, event="call", subject=sent, name=sent, program=sent, arguments=redacted({sent: sent}))
    )
    assert b"\n" not in line
    assert b"\t" not in line
    assert msgspec.json.decode(line, type=AuditRecord).subject == sent


@pytest.mark.parametrize("name", ["password", "apiKey", "api_key", "access_token", "Client-Secret", "PASSWD", "cookie"])
def test_what_is_named_like_a_secret_is_not_kept(name: str) -> None:
    assert b"hunter2" not in bytes(redacted({"a": [{name: "hunter2"}], "city": "Oslo"}))
    assert b"Oslo" in bytes(redacted({"a": [{name: "hunter2"}], "city": "Oslo"}))


def test_long_arguments_are_cut_and_say_so() -> None:
    assert b"[2000 characters]" in bytes(redacted({"text": "x" * 2000}))
    assert b"[100 entries]" in bytes(redacted({"list": list(range(100))}))
    assert b"[100 entries]" in bytes(redacted({str(number): 1 for number in range(100)}))
    assert b"[nested]" in bytes(redacted([[[[[[[[["deep"]]]]]]]]]))
    assert bytes(redacted(Raw(b'"%s"' % (b"x" * LONGEST_ARGUMENTS)))) == b'"[%d bytes]"' % (LONGEST_ARGUMENTS + 2)


def test_raw_arguments() -> None:
    assert bytes(redacted(Raw(b'{"a": 1, "token": "t"}'))) == b'{"a":1,"token":"[redacted]"}'
    assert bytes(redacted(Raw(b"{"))) == b'"[no JSON]"'
