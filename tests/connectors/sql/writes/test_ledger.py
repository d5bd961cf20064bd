"""Notes of writes: what makes two requests the same, and what a note says."""

from dragoman import Principal
from dragoman.connectors.sql.writes.ledger import DONE, Entry, digest_of_principal, digest_of_statements, now


def test_callers_are_told_apart() -> None:
    ann, other = Principal(subject="ann", issuer="a"), Principal(subject="ann", issuer="b")
    assert digest_of_principal(ann) == digest_of_principal(Principal(subject="ann", issuer="a", roles=("x",)))
    assert digest_of_principal(ann) != digest_of_principal(other)


def test_statements_and_values_are_told_apart() -> None:
    assert digest_of_statements(["a", "b"], {}) != digest_of_statements(["ab"], {})
    assert digest_of_statements(["a"], {"x": 1}) != digest_of_statements(["a"], {"x": "1"})


def test_a_note_says_how_many_rows() -> None:
    assert Entry("i", "r", "p", "s", DONE, now(), None, "[1,2]", None, "").rows == [1, 2]
    assert now().endswith("Z")
