"""Documents taken apart: headings, fences, front matter, sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.files.sections import MAX_CHARACTERS, MAX_LINES, Section, outline, plain_heading

DOCUMENT = """\
---
title: "The `real` title"
tags: x
---
Preface.

# One #

text one

## Two ##

```python
# no heading
```
~~~~
## nor this
~~~
still code
~~~~
after

Setext one
==========

body

Setext two
---
more
#hashtag
####### seven
   ### indented ###
    # code by indent
- item
---
#
"""


def test_headings() -> None:
    title, sections = outline("a.md", DOCUMENT)
    assert title == "The real title"
    assert [(section.line, section.heading) for section in sections] == [
        (1, ""),
        (7, "One"),
        (11, "One > Two"),
        (23, "Setext one"),
        (28, "Setext one > Setext two"),
        (33, "Setext one > Setext two > indented"),
        (37, ""),
    ]
    assert sections[0].text.endswith("---\nPreface.\n")
    assert "# no heading" in sections[2].text
    assert "## nor this" in sections[2].text


def test_every_line_is_in_one_section_at_its_place() -> None:
    lines = DOCUMENT.split("\n")
    for section in outline("a.md", DOCUMENT).sections:
        held = section.text.split("\n")
        assert lines[section.line - 1 : section.line - 1 + len(held)] == held


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# First\n# Second\n", "First"),
        ("text\n\n## Later\n", "Later"),
        ("---\ntitle: Front\n---\n# Heading\n", "Front"),
        ("---\nname: x\n---\n# Heading\n", "Heading"),
        ("---\ntitle:\n---\n# Heading\n", "Heading"),
        ("---\ntitle: never closed\n# Heading\n", "Heading"),
        ("First\n===\n", "First"),
        ("no heading\n", ""),
        ("", ""),
        ("```\n# code\n```\n", ""),
        ("```\n# code to the end\n", ""),
        ("``` js ```\n", ""),
        ("===\n", ""),
        ("- item\n---\n# Real\n", "Real"),
        ("a paragraph of\nseveral lines\n---\n# Real\n", "Real"),
        ("# A\nunder it\n---\n", "A"),
        ("#" + " " * 5000 + "x\n# Real\n", "Real"),
    ],
)
def test_titles(text: str, title: str) -> None:
    assert outline("a.MD", text).title == title


@pytest.mark.parametrize(
    ("heading", "plain"),
    [
        ("`code` and *stars* and **more**", "code and stars and more"),
        ("[text](https://example.com/a_b) ![i](x.png)", "text i"),
        ('<a id="x"></a>Anchored', "Anchored"),
        ("Named {#anchor}", "Named"),
        ("snake_case_name", "snake_case_name"),
        (r"escaped \* star", "escaped star"),
        ("a  b\tc", "a b c"),
        ("x" * 500, "x" * 200),
    ],
)
def test_plain_headings(heading: str, plain: str) -> None:
    assert plain_heading(heading) == plain


def test_only_markdown_has_headings() -> None:
    assert outline("script.py", "# a comment\ncode\n") == ("", [Section(1, 1, "", "# a comment\ncode\n")])


def test_long_documents_are_cut() -> None:
    text = "\n".join(f"line {number}" for number in range(1, 201))
    sections = outline("a.txt", text).sections
    assert [section.line for section in sections] == [1, 61, 121, 181]
    assert all(section.text.count("\n") < MAX_LINES for section in sections)
    assert "\n".join(section.text for section in sections) == text


def test_long_lines_are_cut() -> None:
    text = "short\n" + "x" * (2 * MAX_CHARACTERS + 10) + "\nend"
    sections = outline("a.md", "# H\n" + text).sections
    assert [(section.line, section.column, len(section.text)) for section in sections] == [
        (1, 1, len("# H\nshort")),
        (3, 1, MAX_CHARACTERS),
        (3, MAX_CHARACTERS + 1, MAX_CHARACTERS),
        (3, 2 * MAX_CHARACTERS + 1, 10),
        (4, 1, 3),
    ]
    assert {section.heading for section in sections} == {"H"}


def test_blank_documents_have_no_section() -> None:
    assert outline("a.md", "\n \n\t\n").sections == []


@pytest.mark.parametrize(
    "text",
    [
        "#" * 1_000_000,
        "# " + "[" * 1_000_000,
        "# " + "<a" * 500_000,
        ("# " + "`" * 700 + "\n") * 2000,
        "=" * 1_000_000,
        "`" * 1_000_000,
        "a\n---\n" * 100_000,
        "#\n" * 300_000,
    ],
    ids=range(8),
)
def test_work_is_linear(text: str) -> None:
    # Quadratic work on these would run into the suite's time limit.
    assert outline("a.md", text).sections


@given(
    st.lists(
        st.sampled_from(["# a", "## b", "text", "", "===", "---", "```", "~~~", "    # c", "- d", "x" * 4001]),
        max_size=30,
    ),
    st.sampled_from(["a.md", "a.txt"]),
)
def test_no_text_is_lost(lines: list[str], path: str) -> None:
    sections = outline(path, "\n".join(lines)).sections
    for section in sections:
        for number, line in enumerate(section.text.split("\n"), start=section.line):
            assert line in lines[number - 1]
            assert section.column == 1 or len(lines[number - 1]) > MAX_CHARACTERS
    held = "".join(section.text for section in sections)
    assert held.replace("\n", "").replace(" ", "") == "".join(lines).replace(" ", "")
