"""The limits: safe defaults, described, refused where they could not serve anybody."""

from typing import Any, get_args

import msgspec
import pytest
from msgspec import structs

from dragoman.errors import UsageError
from dragoman.limits import Limits

FIELDS = {field.name: field for field in structs.fields(Limits)}

# What a server that strangers can reach was found to need: bytes, counts, seconds.
SAFE = {
    "body_bytes": 4 * 2**20,
    "json_depth": 64,
    "header_count": 64,
    "header_bytes": 16 * 1024,
    "url_bytes": 4 * 1024,
    "body_seconds": 30,
    "write_stall_seconds": 30,
    "keep_alive_seconds": 25,
    "grace_seconds": 30,
}


def test_the_defaults_are_safe() -> None:
    limits = structs.asdict(Limits())
    assert {name: limits[name] for name in SAFE} == SAFE


@pytest.mark.parametrize("name", FIELDS)
def test_every_limit_has_a_type_a_floor_and_words(name: str) -> None:
    kind, meta = get_args(FIELDS[name].type)
    assert kind in (int, float)
    assert (meta.ge is None) is not (meta.gt is None)
    assert meta.description
    assert not meta.description.endswith(".")
    assert type(FIELDS[name].default) is kind


def test_limits_do_not_change() -> None:
    limits = Limits()
    with pytest.raises(AttributeError):
        limits.json_depth = 1000  # type: ignore[misc]
    assert limits == Limits()
    assert len({limits, Limits()}) == 1


@pytest.mark.parametrize("name", FIELDS)
def test_a_limit_at_its_floor_is_taken(name: str) -> None:
    kind, meta = get_args(FIELDS[name].type)
    lowest: Any = meta.ge if meta.ge is not None else 0.001
    assert getattr(Limits(**{name: kind(lowest)}), name) == lowest


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [-1, None, "64", True, float("nan"), [64]], ids=repr)
def test_a_limit_that_serves_nobody_is_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"^limit '{name}' is .* it takes a number, (at least|more than) "):
        Limits(**{name: value})


def test_the_sentence_says_what_to_change() -> None:
    with pytest.raises(UsageError) as caught:
        Limits(json_depth=7)
    assert str(caught.value) == (
        "limit 'json_depth' is 7; it takes a number, at least 8: deepest nesting of arrays and objects in a message."
    )
    with pytest.raises(UsageError, match="'body_seconds' is 0; it takes a number, more than 0"):
        Limits(body_seconds=0)


def test_seconds_may_be_whole_and_counts_may_not_be_broken() -> None:
    assert Limits(grace_seconds=3).grace_seconds == 3
    with pytest.raises(UsageError):
        Limits(threads=2.5)  # type: ignore[arg-type]


def test_limits_are_read_from_settings() -> None:
    assert msgspec.json.decode(b'{"threads":4,"grace_seconds":1}', type=Limits) == Limits(threads=4, grace_seconds=1)
    with pytest.raises(msgspec.ValidationError, match="threads"):
        msgspec.json.decode(b'{"threads":0}', type=Limits)
