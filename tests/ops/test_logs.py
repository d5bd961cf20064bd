import logging

from dragoman.ops.logs import FORM, MaskedFormatter
from dragoman.secrets import register


def test_secrets_in_messages_arguments_and_tracebacks_are_masked() -> None:
    register("lg-77aa01")
    formatter = MaskedFormatter(FORM)
    try:
        int("lg-77aa01")
    except ValueError as error:
        record = logging.LogRecord(
            "dragoman", logging.ERROR, __file__, 1, "with %s", ("lg-77aa01",), (ValueError, error, error.__traceback__)
        )
    line = formatter.format(record)
    assert "ERROR dragoman: with ***" in line
    assert "ValueError: invalid literal for int() with base 10: '***'" in line
    assert "77aa01" not in line
