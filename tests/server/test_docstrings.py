import pytest

from dragoman.server.docstrings import read_docstring

GOOGLE = """Search the orders.

    Looks at open ones, too.

    Args:
        query (str): what to look for,
            in any language
        limit (Callable[[int], dict[str, int]], optional): how many: at most 9
        *rest: others
        bare:

    Returns:
        The rows.

    Raises:
        ValueError: never
    """
NUMPY = """Search the orders.

    Looks at open ones, too.

    Parameters
    ----------
    query : str
        what to look for,
        in any language
    limit : int, optional
        how many: at most 9
    x, y : float
        where

    Returns
    -------
    list
        The rows.

    Raises
    ------
    ValueError
        never
    """
SPHINX = """Search the orders.

    Looks at open ones, too.

    :param str query: what to look for,
        in any language
    :param limit: how many: at most 9
    :type limit: int
    :raises ValueError: never
    :returns: The rows.
    """
EPYTEXT = """Search the orders.

    Looks at open ones, too.

    @param query: what to look for,
        in any language
    @param limit: how many: at most 9
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX, EPYTEXT])
def test_each_style_tells_the_same(text: str) -> None:
    read = read_docstring(text)
    assert read.parameters["query"] == "what to look for, in any language"
    assert read.parameters["limit"] == "how many: at most 9"
    assert read.description.startswith("Search the orders.\n\nLooks at open ones, too.")
    assert "look for" not in read.description
    assert "never" not in read.description


def test_what_is_returned_stays_in_the_description() -> None:
    assert read_docstring(GOOGLE).description.endswith("Returns:\n    The rows.")
    assert read_docstring(NUMPY).description.endswith("Returns\n-------\nlist\n    The rows.")
    assert read_docstring(SPHINX).description.endswith(":returns: The rows.")


def test_google_details() -> None:
    parameters = read_docstring(GOOGLE).parameters
    assert parameters["rest"] == "others"
    assert parameters["bare"] == ""


def test_numpy_names_that_share_a_line_share_the_text() -> None:
    parameters = read_docstring(NUMPY).parameters
    assert parameters["x"] == parameters["y"] == "where"


@pytest.mark.parametrize("text", [None, "", "   \n  "])
def test_nothing_is_nothing(text: str | None) -> None:
    read = read_docstring(text)
    assert (read.description, read.parameters) == ("", {})


@pytest.mark.parametrize(
    "text",
    [
        "Only a sentence.",
        "Two lines\nof one sentence.",
        "A header that is none:\n    code\nText.",
        "Args:",
        "Args:\n\nNot indented.",
        ":meth:`other` does more.",
        "Note: an aside.",
        "-----",
        "Example\n-------\ncode",
        "Ratio 3:4: a text with colons",
    ],
)
def test_text_without_parameters_stays_whole(text: str) -> None:
    read = read_docstring(text)
    assert read.description == text
    assert read.parameters == {}


def test_a_parameter_field_without_a_name_is_dropped() -> None:
    read = read_docstring("Text.\n\n:param: nothing\n:param x: something")
    assert (read.description, read.parameters) == ("Text.", {"x": "something"})


def test_text_before_the_first_entry_belongs_to_no_parameter() -> None:
    read = read_docstring("Text.\n\nArgs:\n    these are the arguments\n    x: one")
    assert read.parameters == {"x": "one"}
    read = read_docstring("Text.\n\nParameters\n----------\n    indented\nx : int\n    one")
    assert read.parameters == {"x": "one"}


def test_styles_may_be_mixed() -> None:
    read = read_docstring("Text.\n\nArgs:\n    x: one\n\n:param y: two\n\nParameters\n----------\nz\n    three\n")
    assert read.parameters == {"x": "one", "y": "two", "z": "three"}
    assert read.description == "Text."
