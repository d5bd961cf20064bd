"""Where keys stand: every key that tomllib reads is found on a line that holds it, whatever the text."""

import tomllib
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.ops.places import line_of, lines_of_keys

TEXT = '''\
# a comment = 1 [no]
top = 1

[a."b.c".'d']
x = [1, { y = """
z = 1 # no key
""", "q r" = 2 }, # [no]
  3,
]
when = 1979-05-27 07:32:00 # = x
e.f . "g\\u00e9" = '\\' # "
[[list]]
n = {}
[list.sub]
k = \'\'\'
[no]
no = 1\'\'\'
[[list]]
n = [[ ], [ "]" ] ]
[[list.deep]]
m = 1
'''


def test_every_form_of_key() -> None:
    lines = lines_of_keys(TEXT)
    b_c = ("a", "b.c", "d")
    assert lines == {
        ("top",): 2,
        ("a",): 4, b_c[:2]: 4, b_c: 4,
        (*b_c, "x"): 5, (*b_c, "x", 0): 5, (*b_c, "x", 1): 5, (*b_c, "x", 1, "y"): 5,
        (*b_c, "x", 1, "q r"): 7, (*b_c, "x", 2): 8,
        (*b_c, "when"): 10,
        (*b_c, "e"): 11, (*b_c, "e", "f"): 11, (*b_c, "e", "f", "gé"): 11,
        ("list",): 12, ("list", 0): 12, ("list", 0, "n"): 13,
        ("list", 0, "sub"): 14, ("list", 0, "sub", "k"): 15,
        ("list", 1): 18, ("list", 1, "n"): 19, ("list", 1, "n", 0): 19, ("list", 1, "n", 1): 19,
        ("list", 1, "n", 1, 0): 19,
        ("list", 1, "deep"): 20, ("list", 1, "deep", 0): 20, ("list", 1, "deep", 0, "m"): 21,
    }  # fmt: skip
    assert set(paths(tomllib.loads(TEXT))) == set(lines)


def test_the_nearest_table_stands_for_a_key_that_is_not_there() -> None:
    lines = lines_of_keys("a = 1\n[b.c]\nd = 1")
    assert line_of(lines, ("b", "c", "missing", 5, "x")) == 2
    assert line_of(lines, ("zzz",)) == 1
    assert line_of(lines, ()) == 1


@given(st.text(alphabet="[]{}=.,#\"' \n\\ab1_-éu0") | st.text())
@example('"""')
@example("a = '")
@example("[" * 5000)
@example("a = " + "[" * 5000)
@example("a = " + "{a=" * 5000)
@example('a = "\\')
def test_no_text_breaks_it(text: str) -> None:
    lines = lines_of_keys(text)
    last = text.count("\n") + 1
    assert all(1 <= line <= last for line in lines.values())
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    assert set(lines) == set(paths(data))


NAMES = st.text(alphabet="ab\"'. #=[]\\é\n", min_size=1, max_size=4)
VALUES = st.recursive(
    st.integers() | st.booleans() | st.text(alphabet="ab\"'\n#[]={}\\ ,", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.data())
def test_every_key_is_found_on_a_line_that_holds_it(data: dict[str, Any], draw: st.DataObject) -> None:
    text = "\n".join(written(data, (), draw))
    assert tomllib.loads(text) == data
    lines = lines_of_keys(text)
    assert set(lines) == set(paths(data))
    rows = text.split("\n")
    for path, line in lines.items():
        if isinstance(path[-1], str):
            assert quoted(path[-1]) in rows[line - 1]


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path within a value."""
    found: list[tuple[str | int, ...]] = [path] if path else []
    if isinstance(value, dict):
        found += [each for key, inner in value.items() for each in paths(inner, (*path, key))]
    elif isinstance(value, list):
        found += [each for index, inner in enumerate(value) for each in paths(inner, (*path, index))]
    return found


def written(data: dict[str, Any], path: tuple[str, ...], draw: st.DataObject) -> list[str]:
    """A table as lines of TOML: its values first, then some of its tables under headers of their own."""
    lines: list[str] = []
    later: list[tuple[str, Any]] = []
    for key, value in data.items():
        tables = isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
        if (isinstance(value, dict) or tables) and draw.draw(st.booleans()):
            later.append((key, value))
        else:
            lines.append(f"{quoted(key)} = {inline(value, draw)}")
    for key, value in later:
        inner = (*path, key)
        header = ".".join(map(quoted, inner))
        for table in [value] if isinstance(value, dict) else value:
            lines.append(f"[{header}]" if isinstance(value, dict) else f"[[ {header} ]] # [no]")
            lines += written(table, inner, draw)
    return lines


def inline(value: Any, draw: st.DataObject) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {inline(each, draw)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        space = draw.draw(st.sampled_from(["", " ", "\n", " # ]\n"]))
        return "[" + space + f",{space}".join(inline(each, draw) for each in value) + space + "]"
    if isinstance(value, str):
        if draw.draw(st.booleans()) and "\\" not in value and '"' not in value:
            return f'"""\n{value}"""'
        return quoted(value)
    return str(value).lower()


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
