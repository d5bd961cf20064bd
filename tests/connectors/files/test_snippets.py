"""The few lines of a section that are shown, and where they stand."""

from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.files.snippets import WIDTH, best_snippet
from dragoman.connectors.files.terms import SEAM


def test_the_line_of_the_first_match_is_said() -> None:
    snippet = best_snippet("one\ntwo\n\x02three\x03 and more", line=10, column=1, words=["three"])
    assert snippet == ("one two three and more", 12, 1)


def test_the_densest_place_wins() -> None:
    marked = "\x02state\x03\n" + "filler\n" * 100 + "the \x02request\x03 \x02state\x03 here\n" + "filler\n" * 100
    snippet = best_snippet(marked, line=1, column=1, words=[])
    assert snippet.line == 102
    assert "the request state here" in snippet.text
    assert snippet.text.startswith("… ")
    assert snippet.text.endswith(" …")
    assert len(snippet.text) <= WIDTH + 4


def test_without_matches_words_inside_names_are_found() -> None:
    text = "first\nuse `requestState` here"
    assert best_snippet(text, line=1, column=1, words=["state"]).line == 2
    assert best_snippet(text, line=1, column=1, words=["missing"]) == ("first use `requestState` here", 1, 1)
    assert best_snippet("İ" + text, line=1, column=1, words=["state"]).line == 1


def test_a_cut_line_has_a_column() -> None:
    marked = "x" * 500 + " \x02match\x03"
    assert best_snippet(marked, line=7, column=4001, words=[])[1:] == (7, 4502)
    assert best_snippet("a\n" + marked, line=7, column=4001, words=[])[1:] == (8, 1)


def test_seams_are_not_shown() -> None:
    marked = f"前{SEAM}\x02请{SEAM}{SEAM}求\x03{SEAM}后"
    assert best_snippet(marked, line=1, column=1, words=["请求"]) == ("前请求后", 1, 1)


def test_words_are_not_cut_where_they_are_short() -> None:
    marked = " ".join(["word"] * 100) + " \x02match\x03 " + " ".join(["word"] * 100)
    text = best_snippet(marked, line=1, column=1, words=[]).text
    assert set(text.split()) == {"…", "word", "match"}


def test_words_without_end_are_cut() -> None:
    text = best_snippet("x" * 1000 + "\x02match\x03" + "x" * 1000, line=1, column=1, words=[]).text
    assert "match" in text
    assert len(text) == WIDTH + 4


def test_nothing_gives_nothing() -> None:
    assert best_snippet("", line=1, column=1, words=["x"]) == ("", 1, 1)


@given(st.lists(st.sampled_from(["a", " ", "\n", "\x02m\x03", "x" * 50, SEAM]), max_size=60))
def test_any_section(parts: list[str]) -> None:
    text = "".join(parts)
    snippet = best_snippet(text, line=1, column=1, words=["x"])
    assert 1 <= snippet.line <= text.count("\n") + 1
    assert not set(snippet.text) & {"\n", "\x02", "\x03", SEAM}
    assert len(snippet.text) <= WIDTH + 4
