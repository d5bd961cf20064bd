"""Names to features: order, pages, cursors, the signal of a change."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct

from dragoman import InvalidParams, Limits, Server, UsageError
from dragoman.protocol import modern
from dragoman.protocol.messages import Implementation, ListPromptsResult, PromptInfo
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN, REVISIONS, Revision
from dragoman.server.features import Features, Listing, entry_of, read_cursor, write_cursor
from tests.server.clients import Talker

IDENTITY = modern.identify(Implementation("x", "1"))
LISTING = Listing("prompt", ListPromptsResult, "prompts")


class Named(Struct):
    """A feature that is a name, and says how often it was shown."""

    key: str
    shown: int = 0

    def entry(self, revision: Revision) -> dict[str, Any]:
        self.shown += 1
        return {"name": self.key}


def features(*names: str, size: int = 3) -> Features[Named]:
    made: Features[Named] = Features(LISTING, size)
    for name in names:
        made.add(Named(name))
    return made


def page(made: Features[Named], cursor: str | None = None, revision: Revision = LATEST_MODERN) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(made.page(revision, IDENTITY, cursor))
    return decoded


def names(shown: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in shown["prompts"]]


def cursor_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_pages_show_everything_once_in_the_order_of_registration() -> None:
    made = features(*"zyxwvuts")
    seen, cursor, count = [], None, 0
    while True:
        shown = page(made, cursor)
        count += 1
        seen += names(shown)
        if "nextCursor" not in shown:
            break
        cursor = shown["nextCursor"]
    assert seen == list("zyxwvuts")
    assert count == 3


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_what_fits_on_one_page_has_no_next(count: int) -> None:
    shown = page(features(*"abc"[:count]))
    assert names(shown) == list("abc"[:count])
    assert "nextCursor" not in shown


def test_a_page_is_stamped_for_its_revision() -> None:
    made = features("a")
    assert page(made)["resultType"] == "complete"
    assert (page(made)["ttlMs"], page(made)["cacheScope"]) == (0, "public")
    assert page(made, revision=LATEST_LEGACY) == {"prompts": [{"name": "a"}]}


def test_a_page_is_encoded_once_until_something_changes() -> None:
    made = features("a", "b")
    assert page(made) == page(made)
    assert [feature.shown for feature in made.named.values()] == [1, 1]
    made.add(Named("c"))
    assert names(page(made)) == ["a", "b", "c"]
    made.remove("a")
    assert names(page(made)) == ["b", "c"]


def test_only_what_is_on_the_page_is_shown() -> None:
    made = features(*"abcdefg")
    page(made, write_cursor(3, "prompts"))
    assert [feature.shown for feature in made.named.values()] == [0, 0, 0, 1, 1, 1, 0]


def test_made_up_places_do_not_fill_the_memory() -> None:
    made = features(*"abcdefg")
    for place in (*range(20), 10**30):
        page(made, write_cursor(place, "prompts"))
    kept = made._pages  # noqa: SLF001 - what is kept is the point
    assert {offset for _, offset in kept} == {0, 3, 6}


def test_a_place_after_the_last_is_an_empty_page() -> None:
    shown = page(features("a", "b"), write_cursor(3, "prompts"))
    assert names(shown) == []
    assert "nextCursor" not in shown


def test_a_listing_goes_on_after_its_features() -> None:
    made = features("a", "b")
    more = [{"name": name} for name in "cdef"]
    first = msgspec.json.decode(made.assemble(LATEST_MODERN, IDENTITY, None, more))
    assert names(first) == ["a", "b", "c"]
    second = msgspec.json.decode(made.assemble(LATEST_MODERN, IDENTITY, first["nextCursor"], more))
    assert names(second) == ["d", "e", "f"]
    assert "nextCursor" not in second


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "garbage",
        "ungültig",
        "=",
        "=" * 7,
        cursor_of("prompts:"),
        cursor_of("prompts:-1"),
        cursor_of("prompts:+1"),
        cursor_of("prompts: 1"),
        cursor_of("prompts:01"),
        cursor_of("prompts:1.5"),
        cursor_of("prompts:²"),
        cursor_of("prompts:٣"),
        cursor_of("prompts:" + "9" * 5000),
        cursor_of("tools:3"),
        cursor_of(":3"),
        cursor_of("3"),
        write_cursor(3, "prompts") + "=",
        write_cursor(3, "prompts") + "\n",
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidParams, match="cursor is not valid"):
        page(features("a"), cursor)


@given(st.integers(0, 2**70), st.sampled_from(["tools", "prompts", "resource_templates"]))
def test_a_cursor_comes_back_as_its_place_and_in_no_other_listing(place: int, member: str) -> None:
    cursor = write_cursor(place, member)
    assert read_cursor(cursor, member) == place
    with pytest.raises(InvalidParams):
        read_cursor(cursor, "resources")


@given(st.text())
def test_any_text_is_our_cursor_or_refused(text: str) -> None:
    try:
        place = read_cursor(text, "prompts")
    except InvalidParams:
        return
    assert write_cursor(place, "prompts") == text


def test_a_taken_name_is_refused_and_changes_nothing() -> None:
    made = features("a")
    calls: list[str] = []
    made.listeners.append(lambda: calls.append("changed"))
    with pytest.raises(UsageError, match="prompt 'a' exists already"):
        made.add(Named("a"))
    assert calls == []
    assert list(made.named) == ["a"]


def test_what_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(UsageError, match="prompt 'b' cannot be removed"):
        features("a").remove("b")


def test_every_change_calls_the_listeners() -> None:
    made = features()
    calls: list[list[str]] = []
    made.listeners.append(lambda: calls.append(list(made.named)))
    made.add(Named("a"))
    made.add(Named("b"))
    made.remove("a")
    made.changed()
    assert calls == [["a"], ["a", "b"], ["b"], ["b"]]


def test_who_shows_the_features_elsewhere_may_refuse_one_before_it_is_there() -> None:
    made = features("a")

    def refuse(feature: Named) -> None:
        if feature.key == "c":
            raise UsageError("not c")

    made.checks.append(refuse)
    made.add(Named("b"))
    with pytest.raises(UsageError, match="not c"):
        made.add(Named("c"))
    assert list(made.named) == ["a", "b"]


@pytest.mark.parametrize("revision", REVISIONS.values(), ids=lambda revision: revision.name)
def test_an_entry_has_only_what_the_revision_knows(revision: Revision) -> None:
    info = PromptInfo(name="a", title="A", description="d", meta={"k": 1})
    assert set(entry_of(info, revision.entry_fields)) == {"name", "title", "description", "_meta"} & (
        revision.entry_fields
    )


def test_a_page_is_raw_bytes() -> None:
    assert type(features("a").page(LATEST_MODERN, IDENTITY, None)) is Raw


async def test_listings_say_how_long_they_may_be_kept() -> None:
    server = Server("fresh", limits=Limits(fresh_seconds=1.5))
    talker = Talker(server)
    for method in ("tools/list", "resources/list", "resources/templates/list", "prompts/list", "server/discover"):
        assert (await talker.result(method))["ttlMs"] == 1500
