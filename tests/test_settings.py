"""Settings: exact types, units, unknown keys, the whole key in every complaint, and no secret in any."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from dragoman import Bytes, Limits, Seconds, Secret, SettingsError, Url, read_settings
from dragoman.errors import UsageError
from dragoman.secrets import masked
from dragoman.settings import choices_of, description_of, expected, is_table, key_of, unknown_key


class Constant(Struct, frozen=True, kw_only=True):
    constant: str | int


class Expression(Struct, frozen=True, kw_only=True):
    sql: str
    note: str | UnsetType = UNSET


class Table(Struct, frozen=True, kw_only=True):
    deny: tuple[str, ...] = ()
    mask: dict[str, Literal["null", "partial"] | Constant | Expression] = {}
    level: Literal["low", "high"] = "low"


class Shop(Struct, frozen=True, kw_only=True):
    url: Annotated[Url, Meta(description="the database")]
    size: Bytes = 100
    small: Annotated[Bytes, Meta(ge=0)] = 0
    time: Seconds = 1.0
    port: Annotated[int, Meta(ge=1, le=65535)] = 1
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    on: bool = True
    key: Secret | None = None
    tables: dict[str, Table] = {}
    place: Path | None = None
    either: int | str | bool = 1
    anything: Any = None
    two: Annotated[list[int], Meta(min_length=1, max_length=2)] = []
    names: frozenset[str] = frozenset()
    file: Annotated[str, Meta(extra={"text": "path"})] = ""
    code: Annotated[str, Meta(pattern="^[a-z]+$")] = "a"


def read(**given: Any) -> Shop:
    return read_settings({"url": "x", **given}, Shop, at="connectors.shop")


def complaint(**given: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        read(**given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [("64KiB", 65536), ("1MB", 10**6), ("1.5 kB", 1500), ("2gib", 2 * 2**30), ("7b", 7), ("1TiB", 2**40), (9, 9)],
)
def test_sizes(text: Any, size: int) -> None:
    assert read(size=text).size == size


@pytest.mark.parametrize("text", ["", "1", "KB", "-1KB", "1.5B", "1XB", "1 K B", 0, -5, 1.5, True, "0b"])
def test_what_is_no_size(text: Any) -> None:
    assert complaint(size=text).startswith("connectors.shop.size: expected a size such as '64KiB' or '1MB'")


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("200ms", 0.2), ("2m", 120), ("1.5h", 5400), ("1d", 86400), (3, 3), (0.5, 0.5)]
)
def test_times(text: Any, seconds: float) -> None:
    assert math.isclose(read(time=text).time, seconds)


@pytest.mark.parametrize("text", ["", "5", "5 sec", "0s", 0, -1, math.nan, math.inf, True, "1e3s"])
def test_what_is_no_time(text: Any) -> None:
    assert complaint(time=text).startswith("connectors.shop.time: expected a time such as '5s' or '200ms'")


def test_a_field_may_allow_less_than_its_unit() -> None:
    assert read(small=0).small == 0
    assert "at least 0, got -1" in complaint(small=-1)


def test_names_say_units_too() -> None:
    limits = read_settings({"body_bytes": "1MiB", "grace_seconds": "2m", "retry_seconds": 0}, Limits)
    assert (limits.body_bytes, limits.grace_seconds, limits.retry_seconds) == (2**20, 120, 0)


def test_what_a_struct_refuses_has_its_key() -> None:
    class Even(Struct, frozen=True):
        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise SettingsError("is odd", path=("number",))
            if self.number > 10:
                raise UsageError("it is too much")
            if self.number > 8:
                raise ValueError("it is much")

    class Outer(Struct, frozen=True):
        even: Even

    with pytest.raises(SettingsError, match=r"^top\.even\.number: is odd$") as caught:
        read_settings({"even": {"number": 3}}, Outer, "top")
    assert (caught.value.key, caught.value.path, caught.value.problem) == (
        "top.even.number",
        ("even", "number"),
        "is odd",
    )
    with pytest.raises(SettingsError, match=r"^even: it is too much$"):
        read_settings({"even": {"number": 12}}, Outer)
    with pytest.raises(SettingsError, match=r"^even: it is much$"):
        read_settings({"even": {"number": 10}}, Outer)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"prot": 1}, "prot: there is no such setting; did you mean 'port'?"),
        ({"port": "1"}, "port: expected a whole number, at least 1, at most 65,535, got text"),
        ({"port": 70000}, "port: expected a whole number, at least 1, at most 65,535, got 70000"),
        ({"port": True}, "port: expected a whole number, at least 1, at most 65,535, got true"),
        ({"port": 1.0}, "port: expected a whole number, at least 1, at most 65,535, got 1.0"),
        ({"share": 1}, "share: expected a number, more than 0, less than 1, got 1"),
        ({"on": "yes"}, "on: expected true or false, got text"),
        ({"on": 1}, "on: expected true or false, got 1"),
        ({"url": 5}, "url: expected text in quotes, got 5"),
        ({"url": None}, "url: expected text in quotes, got a NoneType"),
        ({"tables": []}, "tables: expected a table, got a list"),
        ({"tables": {"A": 1}}, "tables.A: expected a table of deny, mask, level, got 1"),
        ({"tables": {"A": {"dney": []}}}, "tables.A.dney: there is no such setting; did you mean 'deny'?"),
        ({"tables": {"A": {"deny": "Fax"}}}, "tables.A.deny: expected a list, got text"),
        ({"tables": {"A": {"deny": ["Fax", 5]}}}, "tables.A.deny[1]: expected text in quotes, got 5"),
        ({"tables": {"a.b c": {"deny": 5}}}, 'tables."a.b c".deny: expected a list, got 5'),
        (
            {"tables": {"A": {"mask": {"E": "parital"}}}},
            "tables.A.mask.E: expected one of 'null', 'partial' or a table of constant or a table of sql, note, got ",
        ),
        ({"tables": {"A": {"mask": {"E": {"sqll": "1"}}}}}, "tables.A.mask.E.sqll: there is no such setting"),
        ({"tables": {"A": {"mask": {"E": {"sql": 1}}}}}, "tables.A.mask.E.sql: expected text in quotes, got 1"),
        ({"tables": {"A": {"level": "hihg"}}}, "tables.A.level: expected one of 'low', 'high', got 'hihg'; did you"),
        ({"tables": {"A": {"level": 1}}}, "tables.A.level: expected one of 'low', 'high', got 1"),
        ({"either": 1.5}, "either: expected a whole number or text in quotes or true or false, got 1.5"),
        ({"place": 5}, "place: expected a path in quotes, got 5"),
        ({"two": []}, "two: expected a list of at least 1 of at most 2, got 0"),
        ({"two": [1, 2, 3]}, "two: expected a list of at least 1 of at most 2, got 3"),
        ({"code": "A"}, "code: expected text in quotes that matches ^[a-z]+$, got text"),
        ({"key": ""}, "key: is empty; a secret needs a value"),
        ({"key": 5}, "key: expected text in quotes, best as ${VARIABLE}"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_complaints(given: dict[str, Any], sentence: str) -> None:
    assert complaint(**given).startswith(f"connectors.shop.{sentence}")


def test_what_is_missing_is_explained() -> None:
    with pytest.raises(SettingsError, match=r"^shop\.url: is missing; the database$"):
        read_settings({}, Shop, "shop")
    with pytest.raises(SettingsError, match=r"^sql: is missing; expected text in quotes$"):
        read_settings({}, Expression)


def test_unions_take_what_is_nearest() -> None:
    masks = {"A": "null", "B": {"constant": 5}, "C": {"sql": "1"}}
    table = read(tables={"T": {"mask": masks}}).tables["T"]
    assert table.mask == {"A": "null", "B": Constant(constant=5), "C": Expression(sql="1")}
    assert [read(either=value).either for value in (5, "5", True)] == [5, "5", True]
    assert [type(read(either=value).either) for value in (5, "5", True)] == [int, str, bool]


def test_code_may_give_what_files_cannot() -> None:
    key = Secret("kept-9ab1")
    table = Table(deny=("Fax",))
    shop = read(
        url=Path("a/b"),
        key=key,
        place=Path("c"),
        tables={"T": table},
        names={"x"},
        two=(1, 2),
        anything={"a": [key, 1]},
    )
    assert (shop.url, shop.key, shop.place, shop.names) == ("a/b", key, Path("c"), frozenset({"x"}))
    assert shop.tables["T"] is table
    assert shop.two == [1, 2]
    assert shop.anything == {"a": [key, 1]}


def test_texts_are_read_by_their_kind() -> None:
    seen: list[tuple[str, str]] = []

    def text(value: str, kind: str) -> str:
        seen.append((value, kind))
        return value.upper()

    given = {"url": "u", "key": "k-9ab2", "place": "p", "file": "f", "anything": {"a": ["x"]}, "names": ["n"]}
    shop = read_settings(given, Shop, text=text)
    assert dict(seen) == {"u": "url", "k-9ab2": "secret", "p": "path", "f": "path", "x": "plain", "n": "plain"}
    assert (shop.url, shop.place, shop.anything) == ("U", Path("P"), {"a": ["X"]})
    assert shop.key is not None
    assert shop.key.reveal() == "K-9AB2"


def test_the_password_of_a_url_is_masked_from_then_on() -> None:
    assert read(url="postgresql://reader:st-7c01@h/d").url == "postgresql://reader:st-7c01@h/d"
    assert masked("st-7c01") == "***"


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [("port", "9000", 9000), ("on", "true", True), ("share", "0.25", 0.25), ("time", "2m", 120.0), ("size", "12", 12)],
)
def test_a_variable_may_be_a_number(name: str, value: str, meant: Any) -> None:
    shop = read_settings({"url": "u", name: "${X}"}, Shop, text=lambda text, _: value if "$" in text else text)
    assert getattr(shop, name) == meant


def test_a_variable_may_be_a_choice_and_its_value_is_not_told() -> None:
    def level(value: str) -> Any:
        return read_settings({"level": "${X}"}, Table, text=lambda *_: value)

    assert level("high").level == "high"
    with pytest.raises(SettingsError, match=r"^level: expected one of 'low', 'high', got text$"):
        level("hunter2")


def test_what_the_reader_of_texts_refuses_gets_its_key() -> None:
    def refuse(_: str, __: str) -> str:
        raise SettingsError("no such variable")

    with pytest.raises(SettingsError, match=r"^shop\.tables\.A\.deny\[0\]: no such variable$"):
        read_settings({"tables": {"A": {"deny": ["x"]}}, "url": "u"}, Shop, "shop", text=lambda v, k: (
            v if v == "u" else refuse(v, k)))  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*Shop.__struct_fields__, "unknown"])


@given(st.dictionaries(NAMES, JSON, max_size=5))
def test_any_table_is_read_or_refused_with_a_key(data: dict[str, Any]) -> None:
    try:
        read_settings(data, Shop, "shop")
    except SettingsError as error:
        key, whole = error.key, f"{error.key}: {error.problem}" == str(error)
    else:
        return
    assert key.startswith("shop.")
    assert whole


@given(st.sampled_from(["url", "key", "size", "time", "port", "on", "place", "tables", "two", "code"]))
def test_no_complaint_shows_a_value_from_elsewhere(name: str) -> None:
    hidden = "Zq7-hidden-Zq7"
    with pytest.raises(SettingsError) as caught:
        read_settings({"url": "u", name: "${X}", "port": -1}, Shop, text=lambda text, _: hidden)
    assert "Zq7" not in str(caught.value)


def test_keys_are_written_as_toml_writes_them() -> None:
    assert key_of(["a", "b c", 'd"e\\', 0, "f"], "top") == 'top.a."b c"."d\\"e\\\\"[0].f'
    assert key_of([]) == ""


def test_an_unknown_key_names_the_nearest_or_all() -> None:
    assert unknown_key("port", []) == "there is no setting here"
    assert unknown_key("zzz", ["b", "a"], "section") == "there is no such section; there are a, b"


def test_types_say_what_they_take() -> None:
    assert (
        expected(Annotated[Bytes | None, Meta(ge=5)])
        == "a size such as '64KiB' or '1MB', or a number of bytes, at least 5"
    )
    assert expected(dict[str, int] | list[int]) == "a table or a list"
    assert description_of(Annotated[int, Meta(description="what")]) == "what"
    assert description_of(int) == ""
    assert choices_of(Annotated[Table | str | None, Meta(description="x")]) == [Table, str]
    assert is_table(Table)
    assert not is_table(int)
