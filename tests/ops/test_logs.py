import logging
import subprocess
import sys

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


def test_warnings_that_nobody_handles_are_masked_too() -> None:
    program = (
        "import logging; from dragoman.ops.logs import mask_unhandled; from dragoman.secrets import register;"
        "register('lg-77aa02'); mask_unhandled(); logging.getLogger('x').warning('with %s', 'lg-77aa02')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "with ***\n"
