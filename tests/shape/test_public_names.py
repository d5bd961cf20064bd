"""Exactly the names in `dragoman.__all__` are promised, loaded when asked for, presented as the package's."""

import ast
import subprocess
import sys
from types import ModuleType

import pytest

import dragoman
from tests.shape.sources import modules

NAMES = sorted(dragoman.__all__)


def seen_by_type_checkers() -> list[str]:
    """The names that `__init__.py` imports for type checkers, who cannot see what is loaded lazily."""
    package = next(module for module in modules() if module.name == "dragoman")
    return [
        alias.asname or alias.name
        for node in ast.walk(package.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dragoman")
        for alias in node.names
    ]


def test_the_list_is_sorted_and_names_nothing_twice() -> None:
    assert list(dragoman.__all__) == sorted(set(dragoman.__all__))


def test_type_checkers_see_the_same_names() -> None:
    assert sorted(seen_by_type_checkers()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_and_presented_as_the_package_s_own(name: str) -> None:
    value = getattr(dragoman, name)
    if isinstance(value, type) or callable(value):
        assert value.__module__ == "dragoman"
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
    assert others <= {"TYPE_CHECKING"}
    assert set(NAMES) <= set(dir(dragoman))


def test_an_unknown_name_is_refused_by_name() -> None:
    misspelt = "Sevrer"
    with pytest.raises(AttributeError, match=misspelt):
        getattr(dragoman, misspelt)


def test_importing_the_package_loads_nothing_else_of_it() -> None:
    program = "import sys, dragoman; print([name for name in sys.modules if name.startswith('dragoman.')])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
