"""Clients nobody here wrote follow a server that speaks while it works: pages, progress, logs, questions, pictures."""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING, Any

from tests.interop.lively import PIXEL
from tests.interop.runs import LIVELY

if TYPE_CHECKING:
    from tests.interop.runs import Seen

SCENES = [LIVELY]
STEPS = range(1, 5)


def _texts(result: dict[str, Any]) -> list[str]:
    return [block["text"] for block in result["content"] if block["type"] == "text"]


def _asks_for_nothing(seen: Seen) -> bool:
    return seen.run.peer == "inspector"  # its command line has no forms, and shows neither progress nor logs


def test_walks_through_every_page(seen: Seen) -> None:
    document = seen.document
    assert document["tools"] == ["count", "order", "add", "show", "refuse", "fail"]
    assert document["resources"] == ["lively://motto", "lively://pixel", "lively://settings"]
    assert document["templates"] == ["lively://squares/{number}"]
    assert document["prompts"] == ["greet", "debate", "plain"]
    asked = [message.decode() for message in seen.messages if message.sender == "client"]
    cursors = [one["params"]["cursor"] for one in asked if "cursor" in (one.get("params") or {})]
    assert len(cursors) >= 4


def test_shows_the_instructions(seen: Seen) -> None:
    assert seen.document["instructions"] == "Count, then ask."


def test_a_typed_result_is_structured_and_text(seen: Seen) -> None:
    result = seen.document["calls"]["add"]
    assert result["structuredContent"] == {"parts": [1, 2, 3], "total": 6}
    assert "6" in _texts(result)[0]


def test_pictures_and_files_arrive_byte_for_byte(seen: Seen) -> None:
    text, picture, file = seen.document["calls"]["show"]["content"]
    assert text == {"type": "text", "text": "one pixel"}
    assert (picture["type"], picture["mimeType"]) == ("image", "image/png")
    assert base64.b64decode(picture["data"]) == PIXEL
    assert base64.b64decode(file["resource"]["blob"]) == b"\x00\x01"


def test_a_tools_own_error_is_shown_and_a_defect_is_masked(seen: Seen) -> None:
    refused, failed = seen.document["calls"]["refuse"], seen.document["calls"]["fail"]
    assert refused["isError"] is failed["isError"] is True
    assert _texts(refused) == ["not today"]
    assert "reference" in _texts(failed)[0]
    assert not [message for message in seen.messages if message.sender == "server" and b"swordfish" in message.text]


def test_progress_and_logs_arrive_in_order_before_the_result(seen: Seen) -> None:
    watched = seen.document["watched"]["count"]
    assert _texts(watched["result"]) == ["4"]
    if not _asks_for_nothing(seen):
        assert watched["progress"] == [[step, 4, f"step {step}"] for step in STEPS]
        assert watched["logs"] == [["info", f"counted {step}"] for step in STEPS]


def test_a_question_reaches_the_user_and_the_answer_the_tool(seen: Seen) -> None:
    result = seen.document["calls"]["order"]
    if _asks_for_nothing(seen):
        assert result.get("isError") or "error" in result
    else:
        assert seen.document["asked"] == ["How large shall the cake be?"]
        assert _texts(result) == ["cake of size 3, a gift"]


def test_reads_text_bytes_and_what_a_template_makes(seen: Seen) -> None:
    reads = {label: result["contents"] for label, result in seen.document["reads"].items()}
    assert [one["text"] for one in reads["motto"]] == ["Ask, then answer. Überall."]
    assert [base64.b64decode(one["blob"]) for one in reads["pixel"]] == [PIXEL]
    assert [one["text"] for one in reads["square"]] == ["144"]
    assert [one["uri"] for one in itertools.chain(*reads.values())] == list(LIVELY.plan["reads"].values())


def test_prompts_are_filled_in(seen: Seen) -> None:
    got = seen.document["got"]
    greeting = {"type": "text", "text": "Greet Ada in a warm tone."}
    assert got["greet"]["messages"] == [{"role": "user", "content": greeting}]
    assert [one["role"] for one in got["debate"]["messages"]] == ["user", "assistant"]
    assert "name" in got["lacking"]["error"]["message"]
