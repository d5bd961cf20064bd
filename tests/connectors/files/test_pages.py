"""Pages of lines: every character is reached, no page is too large."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.files.pages import Page, count_lines, page_of


@pytest.mark.parametrize(("text", "lines"), [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n", 1), ("a\n\n", 2)])
def test_lines_are_counted(text: str, lines: int) -> None:
    assert count_lines(text) == lines


@pytest.mark.parametrize(
    ("offset", "column", "limit", "budget", "page"),
    [
        (1, 1, 10, 100, Page("one\ntwo\nthree", 3, 3, None, 1)),
        (1, 1, 2, 100, Page("one\ntwo", 2, 3, 3, 1)),
        (2, 1, 1, 100, Page("two", 2, 3, 3, 1)),
        (3, 1, 9, 100, Page("three", 3, 3, None, 1)),
        (1, 1, 10, 7, Page("one\ntwo", 2, 3, 3, 1)),
        (1, 1, 10, 6, Page("one", 1, 3, 2, 1)),
        (3, 1, 10, 4, Page("thre", 3, 3, 3, 5)),
        (3, 5, 10, 4, Page("e", 3, 3, None, 1)),
        (3, 50, 10, 4, Page("", 3, 3, None, 1)),
        (1, 2, 2, 100, Page("ne\ntwo", 2, 3, 3, 1)),
    ],
)
def test_pages(offset: int, column: int, limit: int, budget: int, page: Page) -> None:
    assert page_of("one\ntwo\nthree\n", offset=offset, column=column, limit=limit, budget=budget) == page


def test_an_empty_text_has_an_empty_page() -> None:
    assert page_of("", offset=1, column=1, limit=1, budget=10) == Page("", 0, 0, None, 1)


@given(
    st.text(alphabet="aé你😀\n\n", max_size=80),
    st.integers(min_value=1, max_value=20),
    st.integers(min_value=1, max_value=5),
)
def test_following_the_pages_gives_the_text(text: str, budget: int, limit: int) -> None:
    offset: int | None = 1
    column = 1
    rebuilt = ""
    pages = 0
    while offset is not None:
        page = page_of(text, offset=offset, column=column, limit=limit, budget=budget)
        assert len(page.text.encode()) <= max(budget, 4)
        rebuilt += page.text + ("\n" if page.next_column == 1 else "")
        assert page.next_offset is None or (page.next_offset, page.next_column) > (offset, column)
        offset, column = page.next_offset, page.next_column
        pages += 1
        assert pages <= len(text) + 1
    assert rebuilt == (text if text.endswith("\n") else text + "\n")
