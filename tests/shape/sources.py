"""The repository as the shape tests see it: tracked files, and the modules of the package as syntax trees.

Nothing here imports the package: what it says about the sources holds also where they do not run.
"""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"


@dataclass(frozen=True)
class Module:
    """One Python file and what it says."""

    path: Path
    name: str
    tree: ast.Module = field(repr=False)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"


@dataclass(frozen=True)
class Import:
    """One name that a module imports: `target` is absolute, `function` the function it stands in, if any."""

    target: str
    line: int
    function: str | None


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that git tracks or would add, in order."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = sorted(set(listing.stdout.decode().split("\0")) - {""})
    return tuple(path for path in (ROOT / name for name in names) if path.is_file())


@cache
def python_files() -> tuple[Path, ...]:
    """Every tracked Python file, programs without a suffix included; not what runs in other environments."""
    peers = ROOT / "tests" / "interop" / "peers"
    return tuple(path for path in tracked_files() if _is_python(path) and not path.is_relative_to(peers))


def _is_python(path: Path) -> bool:
    if path.suffix:
        return path.suffix == ".py"
    with path.open("rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and b"python" in first


@cache
def modules() -> tuple[Module, ...]:
    """The modules of the package, parsed, in the order of their names."""
    paths = (path for path in python_files() if path.is_relative_to(SOURCES))
    return tuple(sorted((_parse(path) for path in paths), key=lambda module: module.name))


def _parse(path: Path) -> Module:
    parts = path.relative_to(SOURCES).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(path, name, ast.parse(path.read_text(encoding="utf-8"), str(path)))


def imports(module: Module) -> Iterator[Import]:
    """Every import of a module, also those inside functions and under TYPE_CHECKING."""
    yield from _imports(module, module.tree, None)


def _imports(module: Module, node: ast.AST, function: str | None) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for name in child.names:
                yield Import(name.name, child.lineno, function)
        elif isinstance(child, ast.ImportFrom):
            origin = _absolute(module, child)
            for name in child.names:
                yield Import(f"{origin}.{name.name}", child.lineno, function)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _imports(module, child, child.name)
        else:
            yield from _imports(module, child, function)


def _absolute(module: Module, statement: ast.ImportFrom) -> str:
    if not statement.level:
        return statement.module or ""
    parts = module.name.split(".")
    kept = len(parts) - statement.level + (1 if module.is_package else 0)
    return ".".join([*parts[:kept], *([statement.module] if statement.module else [])])


def where(path: Path, line: int) -> str:
    """A place as editors and people write it."""
    return f"{path.relative_to(ROOT)}:{line}"
