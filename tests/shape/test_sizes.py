"""Design law 8: how large a file, a function and a class may grow, and what nothing may be called.

There are no exemptions: what is too large is split by idea.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shape.sources import ROOT, Module, modules, python_files, where

FILE_LINES = 600
FUNCTION_LINES = 60
CLASS_LINES = 400
PARAMETERS = 10
FORBIDDEN_IN_CLASS_NAMES = {"Manager", "Helper", "Util", "Utils", "Base", "Mixin", "Service", "Handler"}
FORBIDDEN_MODULES = {"util", "utils", "utilities", "common", "core", "shared", "helper", "helpers", "misc"}

EVERY_FILE = pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
EVERY_MODULE = pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def lines(node: Function | ast.ClassDef) -> int:
    """From the first line of the definition to its last, decorators not counted."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def parameters(function: Function) -> int:
    """What a caller may pass: `self` and `cls` are not counted."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args]
    receiver = 1 if named and named[0].arg in ("self", "cls") else 0
    variadic = (arguments.vararg is not None) + (arguments.kwarg is not None)
    return len(named) - receiver + len(arguments.kwonlyargs) + variadic


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


@EVERY_FILE
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES


@EVERY_FILE
def test_functions_are_short(path: Path) -> None:
    long = [
        f"{where(path, node.lineno)} {node.name}: {lines(node)} lines"
        for node in functions(parse(path))
        if lines(node) > FUNCTION_LINES
    ]
    assert not long, f"a function has at most {FUNCTION_LINES} lines"


@EVERY_FILE
def test_classes_are_short(path: Path) -> None:
    long = [
        f"{where(path, node.lineno)} {node.name}: {lines(node)} lines"
        for node in classes(parse(path))
        if lines(node) > CLASS_LINES
    ]
    assert not long, f"a class has at most {CLASS_LINES} lines"


@EVERY_FILE
def test_functions_take_few_parameters(path: Path) -> None:
    many = [
        f"{where(path, node.lineno)} {node.name}: {parameters(node)} parameters"
        for node in functions(parse(path))
        if parameters(node) > PARAMETERS
    ]
    assert not many, f"a function takes at most {PARAMETERS} parameters"


@EVERY_MODULE
def test_class_names_say_what_the_class_is(module: Module) -> None:
    vague = [
        f"{where(module.path, node.lineno)} {node.name}"
        for node in classes(module.tree)
        if FORBIDDEN_IN_CLASS_NAMES & set(re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*", node.name))
    ]
    assert not vague, f"no class name contains one of {sorted(FORBIDDEN_IN_CLASS_NAMES)}"


@EVERY_MODULE
def test_modules_are_named_after_ideas(module: Module) -> None:
    drawers = FORBIDDEN_MODULES & {word.strip("_") for word in module.name.split(".")}
    assert not drawers, f"{module.name} is a drawer: name it after what it is about"


@EVERY_MODULE
def test_modules_open_with_their_laws(module: Module) -> None:
    assert ast.get_docstring(module.tree), "a module opens with what it knows and what must live in it"
