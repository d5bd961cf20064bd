"""Questions become quoted terms: nothing a question holds is an operator."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.files.terms import MAX_TERMS, SEAM, identifier_parts, search_terms, spaced


def texts(question: str) -> list[str]:
    return [term.text for term in search_terms(question)[0]]


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("tampered request state", ["tampered", "request", "state"]),
        ("request REQUEST Request", ["request"]),
        ('say "request state" twice', ["say", "request state", "twice"]),
        ('unbalanced "quote', ["unbalanced", "quote"]),
        ("how do I cancel a request", ["cancel", "request"]),
        ("to be or not to be", ["not"]),
        ("what is this", ["what", "is", "this"]),
        ('"to be"', ["to be"]),
        ("tools/list round-trip a.b snake_case user@host don't", [
            "tools/list", "round-trip", "a.b", "snake_case", "user@host", "don't",
        ]),
        ("(state) AND {token} NOT title:secret ^x NEAR(a b, 2) b*", [
            "state", "token", "NOT", "title:secret", "x", "NEAR", "b", "2",
        ]),
        ("state,token;key", ["state", "token", "key"]),
        ("--flag ./path/ 'quoted'", ["flag", "path", "quoted"]),
        ("请求状态", ["请求状态"]),
        ("", []),
        ("  \t\n", []),
        ("?!… --- \"\" '' ** 🎉 ()", []),
        ("\x00\x1b\ud800", []),
    ],
)  # fmt: skip
def test_terms(question: str, terms: list[str]) -> None:
    assert texts(question) == terms


def test_many_terms_are_cut_and_said() -> None:
    terms, cut = search_terms(" ".join(f"word{number}" for number in range(MAX_TERMS + 1)))
    assert (len(terms), cut) == (MAX_TERMS, True)
    terms, cut = search_terms(" ".join(f"word{number}" for number in range(MAX_TERMS)))
    assert (len(terms), cut) == (MAX_TERMS, False)


def test_short_and_unspaced_terms_have_no_prefix_form() -> None:
    assert [term.prefix for term in search_terms("go gone 请求")[0]] == [None, '"gone" *', None]


def test_names_in_camel_case_are_also_their_words() -> None:
    assert search_terms("requestState")[0][0].exact == '("requestState" OR "request State")'
    assert identifier_parts("`requestState` HTTPServer GitHub plain SHOUT x1 requestState") == (
        "request State\nHTTP Server\nGit Hub"
    )
    assert identifier_parts("aB" * 33) == ""


def test_unspaced_scripts_get_seams() -> None:
    assert spaced("plain") == "plain"
    assert spaced("a请求b").replace(SEAM, "|") == "a|请||求|b"
    assert spaced("e\u0301") == "é"


@given(st.one_of(st.text(max_size=200), st.text(alphabet="\"'*()^:+-{}, ANDORTNEAR", max_size=80)))
def test_no_question_is_a_syntax_error(question: str) -> None:
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE VIRTUAL TABLE t USING fts5(a, b)")
        database.execute("INSERT INTO t VALUES ('some text', 'and more')")
        terms, _ = search_terms(question)
        for term in terms:
            for expression in filter(None, (term.exact, term.prefix)):
                database.execute("SELECT * FROM t WHERE t MATCH ?", (expression,)).fetchall()
        if terms:
            joined = " AND ".join(term.exact for term in terms)
            database.execute("SELECT * FROM t WHERE t MATCH ?", (joined,)).fetchall()
    finally:
        database.close()
