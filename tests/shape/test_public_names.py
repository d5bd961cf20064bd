"""Exactly the names in `dragoman.__all__` are promised; each is loaded on first use, from its own module."""

import ast
import subprocess
import sys
from types import ModuleType
from typing import Annotated, get_origin

import pytest

import dragoman
from tests.shape.sources import modules

NAMES = sorted(dragoman.__all__)


def seen_by_type_checkers() -> dict[str, str]:
    """Name -> module, as `__init__.py` imports them for type checkers, who can't see what is loaded lazily."""
    package = next(module for module in modules() if module.name == "dragoman")
    guarded = (
        node for node in package.tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.asname or alias.name: node.module or ""
        for block in guarded
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_the_list_is_sorted_and_names_nothing_twice() -> None:
    assert list(dragoman.__all__) == sorted(set(dragoman.__all__))


def test_type_checkers_see_the_same_names() -> None:
    assert sorted(seen_by_type_checkers()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_and_comes_from_its_home(name: str) -> None:
    home = seen_by_type_checkers()[name]
    value = getattr(dragoman, name)
    assert value is getattr(sys.modules[home], name)
    if get_origin(value) is Annotated:
        return  # another name for a type: nothing of it says where it was given
    if isinstance(value, type) or callable(value):
        assert value.__module__ == home, "name the module that defines it, so that nothing is loaded on the way"
        assert value.__qualname__ == name
        assert value.__doc__, f"{name} needs a docstring"


def test_nothing_else_is_public() -> None:
    for name in NAMES:
        getattr(dragoman, name)
    others = {
        name
        for name, value in vars(dragoman).items()
        if not name.startswith("_") and name not in NAMES and not isinstance(value, ModuleType)
    }
    assert others <= {"TYPE_CHECKING", "Any"}
    assert set(NAMES) <= set(dir(dragoman))


def test_an_unknown_name_is_refused_by_name() -> None:
    misspelt = "Sevrer"
    with pytest.raises(AttributeError, match=misspelt):
        getattr(dragoman, misspelt)


def test_importing_the_package_loads_nothing_else_of_it() -> None:
    program = "import sys, dragoman; print([name for name in sys.modules if name.startswith('dragoman.')])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
