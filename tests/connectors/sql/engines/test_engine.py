"""The border between engines and the connector."""

import msgspec
import pytest

from dragoman.connectors.sql.engines.engine import EngineFault, SqlFault, SqlLimits


@pytest.mark.parametrize("field", SqlLimits.__struct_fields__)
def test_every_limit_has_a_default_and_a_floor(field: str) -> None:
    assert getattr(SqlLimits(), field) >= 1
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert({field: -1}, SqlLimits)


def test_limits_are_no_looser_than_the_security_proposal() -> None:
    limits = SqlLimits()
    assert limits.seconds == 5
    assert limits.rows == 200
    assert limits.result_bytes == 1_000_000
    assert limits.cell_bytes == 65_536
    assert limits.statement_bytes == 16_384
    assert limits.tokens == 2000
    assert limits.nesting <= 100


def test_a_fault_keeps_the_engines_words_apart_from_its_kind() -> None:
    fault = EngineFault("corrupt", "page 7 is bad")
    assert fault.kind == "corrupt"
    assert fault.message == "page 7 is bad"
    assert not isinstance(fault, SqlFault)
