"""Who calls: a value with four parts, all of which count."""

import pytest
from msgspec import structs

from dragoman.auth.principal import ANONYMOUS, Principal

ANNA = Principal(subject="anna", issuer="https://issuer.example", client="agent", tenant="north")


def test_nobody_signed_in() -> None:
    assert Principal() == ANONYMOUS
    assert not Principal() != ANONYMOUS  # noqa: SIM202 - the other operator
    assert ANONYMOUS.is_anonymous
    assert Principal(client="agent", tenant="north", issuer="https://issuer.example").is_anonymous


def test_somebody_signed_in() -> None:
    assert not ANNA.is_anonymous


@pytest.mark.parametrize("field", ["subject", "issuer", "client", "tenant"])
def test_another_in_any_part_is_somebody_else(field: str) -> None:
    other = structs.replace(ANNA, **{field: "another"})
    assert other != ANNA
    assert {ANNA: 1}.get(other) is None
    assert {ANNA: 1}[structs.replace(ANNA)] == 1


def test_parts_do_not_run_together() -> None:
    assert Principal("ab", "c") != Principal("a", "bc")
    assert len({Principal("a"), Principal("", "a"), Principal("", "", "a"), Principal("", "", "", "a")}) == 4


@pytest.mark.parametrize("field", ["subject", "issuer", "client", "tenant"])
def test_a_principal_does_not_change(field: str) -> None:
    with pytest.raises(AttributeError):
        setattr(ANNA, field, "root")


def test_what_a_caller_may_do_is_not_who_it_is() -> None:
    narrowed = structs.replace(ANNA, roles=("support",), scopes=("read",), claims=(("region", "EU"),))
    assert narrowed == ANNA
    assert hash(narrowed) == hash(ANNA)
    assert ANNA.identity != ANNA


def test_a_claim_is_no_identity() -> None:
    told = structs.replace(ANNA, claims=(("region", "EU"), ("subject", "root"), ("age", 3)))
    assert told.attributes() == {
        "subject": "anna", "issuer": "https://issuer.example", "client": "agent", "tenant": "north",
        "region": "EU", "age": 3,
    }  # fmt: skip
