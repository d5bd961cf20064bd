"""Writes what the documentation takes from the code: docs/reference, and the tables of docs/explain/support.md.

Nobody edits those. `--check` writes nothing and fails, naming them, when pages differ from the code; a test runs
it. Python names are read from syntax trees, so a page does not depend on who generates it.
"""

import argparse
import ast
import copy
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import msgspec

from dragoman import Server, errors
from dragoman.limits import Limits
from dragoman.ops.catalogue import settings_in
from dragoman.ops.schema import schema
from dragoman.ops.settings import sections
from dragoman.protocol.revisions import REVISIONS, Revision
from dragoman.server.methods import METHODS

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
SUPPORT = ROOT / "docs" / "explain" / "support.md"
PACKAGE = ROOT / "src" / "dragoman"
COLUMNS = 100
GENERATED = "<!-- Written by `make docs` from the code: change the code, not this page. -->"

MET = {
    "AppOptions": "server",
    "ClientOptions": "client",
    "Endpoint": "transports",
    "EventStore": "store",
    "FeatureOptions": "server",
    "PromptOptions": "server",
    "ResourceOptions": "server",
    "ResourceReply": "client",
    "StreamEvent": "store",
    "TaskRecord": "store",
    "TaskStore": "store",
    "TemplateOptions": "server",
    "ToolOptions": "server",
    "ToolReply": "client",
    "WireOptions": "client",
}
"""What public names take or give and nobody needs to import: class -> folder."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


# --- docstrings ---------------------------------------------------------------------------------------------

_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields|Example|Examples):$")
_ENTRY = re.compile(r"^(\*{0,2}[\w.]+):\s+(.*)$")


def markdown(docstring: str) -> str:
    """A docstring as Markdown: its sections become lists, the rest stays as it is."""
    lines: list[str] = []
    in_section = False
    for line in inspect.cleandoc(docstring).splitlines():
        if found := _SECTION.match(line):
            in_section = found[1] not in ("Example", "Examples")
            lines += [f"{found[1].replace('Args', 'Parameters')}:", ""]
            continue
        if line and not line.startswith(" "):
            in_section = False
        text = line.strip() if in_section else line
        if in_section and (entry := _ENTRY.match(text)) and re.match(r" {4}\S", line):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif in_section and text:
            lines.append(f"  {text}" if lines[-1].startswith(("- ", "  ")) else text)
        else:
            lines.append(text)
    return "\n".join(lines).strip()


# --- Python names -------------------------------------------------------------------------------------------


def origins(package: Path) -> dict[str, str]:
    """Public name -> the module that defines it, as the type checker sees it in a package's `__init__.py`."""
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    guarded = [node for block in tree.body if isinstance(block, ast.If) for node in block.body]
    return {
        alias.asname or alias.name: node.module or ""
        for node in guarded or tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def python_page() -> str:
    """Every public name, in the order of the alphabet."""
    told = (
        "Everything here is imported from `dragoman` itself, but for the [types that you meet](#types-that-you-meet)."
    )
    parts = ["# Types that you meet", "What the names above take or give, and nobody needs to import."]
    for name in sorted(MET.keys() - origins(PACKAGE).keys()):
        parts += describe(name, home_of(name, MET[name]))
    return names_page("# Python", told, PACKAGE) + "\n" + "\n\n".join(parts) + "\n"


def testing_page() -> str:
    """Every name for tests of one's own server."""
    return names_page("# Testing", "Everything here is imported from `dragoman.testing`.", PACKAGE / "testing")


def names_page(title: str, told: str, package: Path) -> str:
    """A page of names."""
    parts = [title, GENERATED, told]
    for name, module in sorted(origins(package).items()):
        parts += describe(name, module)
    return "\n\n".join(parts) + "\n"


def describe(name: str, module: str) -> Iterator[str]:
    """One public name: what it is called with, what it is, and its methods."""
    yield f"## {name}"
    if not module.startswith("dragoman."):
        documented = inspect.cleandoc(getattr(importlib.import_module(module), name).__doc__ or "")
        yield f"`{module}.{name}`, offered here so that one import is enough."
        yield documented.partition("\n\n")[0]
        return
    node = definition(name, module)
    if isinstance(node, ast.ClassDef):
        node = with_private_bases(node, module)
    if isinstance(node, Definition):
        yield f"```python\n{signature(node)}\n```"
        yield markdown(ast.get_docstring(node) or "")
    else:
        yield f"```python\n{ast.unparse(node)}\n```"
        yield markdown(trailing_docstring(name, module))
    if isinstance(node, ast.ClassDef):
        yield from members(node, name)


def with_private_bases(node: ast.ClassDef, module: str) -> ast.ClassDef:
    """A class as its users see it: what private classes of its module give it is its own."""
    whole = copy.copy(node)
    private = {base.id for base in node.bases if isinstance(base, ast.Name) and base.id.startswith("_")}
    whole.bases = [base for base in node.bases if ast.unparse(base) not in private]
    own = {child.name for child in node.body if isinstance(child, Definition)}
    for name in sorted(private):
        base = definition(name, module)
        if isinstance(base, ast.ClassDef):
            given = with_private_bases(base, module)
            whole.bases = [*given.bases, *whole.bases]
            body = [child for child in given.body if getattr(child, "name", "") not in own]
            whole.body = [*node.body, *body]
    return whole


def home_of(name: str, folder: str) -> str:
    """The only module of a folder of the package that defines a class of this name."""
    line = re.compile(rf"^class {name}\b", re.MULTILINE)
    homes = [path for path in sorted((PACKAGE / folder).rglob("*.py")) if line.search(path.read_text(encoding="utf-8"))]
    if len(homes) != 1:
        message = f"{name} is defined in {len(homes)} modules; the reference describes one"
        raise SystemExit(message)
    return ".".join(homes[0].relative_to(PACKAGE.parent).with_suffix("").parts)


def path_of(module: str) -> Path:
    """The file of a module of the package."""
    path = ROOT / "src" / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def definition(name: str, module: str) -> ast.stmt:
    """Where a module says what a name is."""
    for node in ast.parse(path_of(module).read_text(encoding="utf-8")).body:
        if isinstance(node, Definition) and node.name == name:
            return node
        if name in assigned(node):
            return node
    message = f"{module} does not define {name}; dragoman/__init__.py says it does"
    raise SystemExit(message)


def trailing_docstring(name: str, module: str) -> str:
    """The string that follows an assignment and describes it."""
    body = ast.parse(path_of(module).read_text(encoding="utf-8")).body
    for node, following in pairwise(body):
        if (
            name in assigned(node)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            return following.value.value
    return ""


def assigned(node: ast.stmt) -> set[str]:
    """The names that a statement binds by assignment."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def members(node: ast.ClassDef, owner: str) -> Iterator[str]:
    """The public attributes and methods of a class."""
    for child in node.body:
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or child.name.startswith("_"):
            continue
        decorators = {ast.unparse(decorator) for decorator in child.decorator_list}
        if {"overload", "typing.overload"} & decorators or any(d.endswith(".setter") for d in decorators):
            continue
        yield f"### {owner}.{child.name}"
        if "property" in decorators:
            kind = spoken(child.returns) if child.returns else "object"
            yield f"```python\n{child.name}: {kind}\n```"
        else:
            yield f"```python\n{signature(child)}\n```"
        yield markdown(ast.get_docstring(child) or "")


def signature(node: Definition) -> str:
    """How a class or function is called, or the fields of a class that has no constructor of its own."""
    if not isinstance(node, ast.ClassDef):
        return wrapped(node, node.name, "async def " if isinstance(node, ast.AsyncFunctionDef) else "def ")
    for child in node.body:
        if isinstance(child, ast.FunctionDef) and child.name == "__init__":
            return wrapped(child, node.name, "class ")
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    fields = [f"    {ast.unparse(child)}" for child in node.body if isinstance(child, ast.AnnAssign)]
    fields = [field for field in fields if not field.strip().startswith("_")]
    return "\n".join([f"class {node.name}({bases})" if bases else f"class {node.name}", *fields])


def wrapped(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, keyword: str) -> str:
    """A signature on one line, or one parameter a line where that is too long."""
    arguments = unquoted(node)
    receiver = (arguments.posonlyargs + arguments.args)[:1]
    shown = [spaced(part) for part in split(ast.unparse(arguments)) if part]
    if receiver and receiver[0].arg in ("self", "cls"):
        shown = shown[1:] if shown[1:2] != ["/"] else shown[2:]
    returns = f" -> {spoken(node.returns)}" if node.returns and keyword != "class " else ""
    line = f"{keyword}{name}({', '.join(shown)}){returns}"
    if len(line) <= COLUMNS:
        return line
    inner = "".join(f"    {part},\n" for part in shown)
    return f"{keyword}{name}(\n{inner}){returns}"


def unquoted(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.arguments:
    """The parameters, with annotations that are written as strings shown as what they say."""
    arguments = copy.deepcopy(node.args)
    for argument in ast.walk(arguments):
        if (
            isinstance(argument, ast.arg)
            and isinstance(argument.annotation, ast.Constant)
            and isinstance(argument.annotation.value, str)
        ):
            argument.annotation = ast.parse(argument.annotation.value, mode="eval").body
    return arguments


def spoken(annotation: ast.expr) -> str:
    """An annotation as text; one that is written as a string loses its quotes."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return ast.unparse(annotation)


def spaced(parameter: str) -> str:
    """A parameter with spaces around the default where it has an annotation, as people write it."""
    declared, *default = split(parameter, "=")
    return f"{declared} = {'='.join(default)}" if default and ":" in declared else parameter


def split(text: str, separator: str = ",") -> list[str]:
    """Parts of an expression, split at the separators that no bracket or quote holds."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        depth += (character in "([{") - (character in ")]}") if not quote else 0
        if character == separator and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


# --- errors -------------------------------------------------------------------------------------------------


def error_classes() -> list[type[BaseException]]:
    """The error tree, parents before their children."""
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [value for value in found if issubclass(value, errors.DragomanError)]


def errors_page() -> str:
    """The tree as it is drawn in errors.py, and a row for each class."""
    drawing = inspect.cleandoc(errors.__doc__ or "").split("\n\n")
    rows = ["| class | code | HTTP | raised when |", "|---|---|---|---|"]
    for value in error_classes():
        code, status = (value.code, value.status) if issubclass(value, errors.Fault) else ("", "")
        meaning = inspect.cleandoc(value.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        rows.append(f"| `{value.__name__}` | {code} | {status} | {meaning} |")
    return "\n\n".join(
        ["# Errors", GENERATED, drawing[0], f"```text\n{drawing[1]}\n```", *drawing[2:], "\n".join(rows)]
    ) + "\n"  # fmt: skip


# --- limits -------------------------------------------------------------------------------------------------


def limits_page() -> str:
    """A row for each limit: name, default, what it limits, the smallest value it takes."""
    rows = ["| limit | default | smallest | limits |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(Limits):
        metadata = getattr(field.type, "__metadata__", ())
        description = next((item.description for item in metadata if item.description), "")
        smallest = next((found for item in metadata if (found := bound(item))), "")
        rows.append(f"| `{field.name}` | {field.default:,} | {smallest} | {description} |")
    text = "Every limit is a field of `dragoman.Limits`: `Server(..., limits=Limits(body_bytes=...))`."
    return "\n\n".join(["# Limits", GENERATED, text, "\n".join(rows)]) + "\n"


def bound(item: msgspec.Meta) -> str:
    """The lower bound of a limit, as a table shows it."""
    if item.gt is not None:
        return f"more than {item.gt:,}"
    return "" if item.ge is None else f"{item.ge:,}"


# --- settings -----------------------------------------------------------------------------------------------


def settings_page() -> str:
    """A table for each section of dragoman.toml: key, what it takes, default, help."""
    text = (
        "Everything that a `dragoman.toml` may say; [how to write one](../howto/configure.md) is another page. Names in"
        " capitals stand for names of yours. The same, for editors: [dragoman.schema.json](dragoman.schema.json)."
    )
    parts = ["# Settings", GENERATED, text]
    for name, section in sections().items():
        rows = ["| key | takes | default | help |", "|---|---|---|---|"]
        rows += [
            f"| `{one.key}` | {cell(one.takes)} | {f'`{one.default}`' if one.default else ''} | {cell(one.help)} |"
            for one in settings_in(section)
        ]
        about = inspect.cleandoc(section.__doc__ or "").split("\n\n")[0]
        parts += [f"## {name}", about, "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|")


def schema_file() -> str:
    """The JSON Schema of dragoman.toml."""
    return json.dumps(schema(), indent=1) + "\n"


# --- command line -------------------------------------------------------------------------------------------


def help_of(*command: str) -> str:
    """What the program prints when asked for help, 100 columns wide and without colours."""
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "NO_COLOR": "1", "TERM": "dumb"}
    program = [str(Path(sys.executable).with_name("dragoman")), *command, "--help"]
    return subprocess.run(program, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def commands(help_text: str) -> list[str]:
    """The commands that the program's help lists between braces."""
    listed = re.search(r"\{([\w,-]+)\}", help_text)
    return listed[1].split(",") if listed else []


def command_line_page() -> str:
    """The help of the program and of each command."""
    top = help_of()
    parts = ["# Command line", GENERATED, f"```text\n{top}\n```"]
    for command in commands(top):
        parts += [f"## dragoman {command}", f"```text\n{help_of(command)}\n```"]
    return "\n\n".join(parts) + "\n"


# --- what each revision has ---------------------------------------------------------------------------------


def support_page() -> str:
    """The page on support, its tables written anew between their marks."""
    page = SUPPORT.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        start, end = f"<!-- table: {name} (written by `make docs`) -->", "<!-- end of table -->"
        before, mark, rest = page.partition(start)
        if not mark or end not in rest:
            message = f"{SUPPORT}: the marks of the table '{name}' are missing"
            raise SystemExit(message)
        page = f"{before}{start}\n\n{table()}\n\n{end}{rest.partition(end)[2]}"
    return page


def by_revision(first: str, rows: dict[str, list[str]]) -> str:
    """A table with a column for each revision."""
    lines = [f"| {first} | {' | '.join(REVISIONS)} |", f"|---|{'---|' * len(REVISIONS)}"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])


def have(names: list[str], of: str) -> dict[str, list[str]]:
    """For each name a row that says which revisions have it."""
    return {
        f"`{name}`": ["yes" if name in getattr(revision, of) else "-" for revision in REVISIONS.values()]
        for name in names
    }


def methods_table() -> str:
    """Every request that is answered."""
    return by_revision("request", have(list(METHODS), "methods"))


def notifications_table() -> str:
    """Every notification that is taken."""
    known = {name for revision in REVISIONS.values() for name in revision.notifications}
    return by_revision("notification", have(sorted(known), "notifications"))


def differences_table() -> str:
    """The cells of the revision table that change what is sent or taken."""

    def said(value: object) -> str:
        return {True: "yes", False: "-"}.get(value, str(value)) if isinstance(value, bool) else str(value)

    def blocks(revision: Revision) -> str:
        return ", ".join(sorted(kind.__name__.removesuffix("Content") for kind in revision.content))

    cells: dict[str, Callable[[Revision], str]] = {
        "opens with": lambda one: "each request alone" if one.modern else "`initialize`",
        "batches": lambda one: said(one.batches),
        "content blocks": blocks,
        "structured content": lambda one: {"none": "-", "object": "an object", "any": "any JSON"}[one.structured],
        "tasks": lambda one: {"none": "-", "requested": "a request asks", "extension": "the server says"}[one.tasks],
        "words with progress": lambda one: said(one.progress_message),
        "elicitation says its mode": lambda one: said(one.elicitation_modes),
        "streams can be taken up again": lambda one: said(one.resumable),
        "resource not found": lambda one: said(one.not_found),
        "`Mcp-Name` and `Mcp-Method` checked": lambda one: said(bool(one.name_sources)),
    }
    return by_revision("", {name: [cell(one) for one in REVISIONS.values()] for name, cell in cells.items()})


def capabilities_table() -> str:
    """What a server that has every kind of feature declares."""
    server = Server("everything")
    server.add_tool(lambda: "", name="tool", task="optional")
    server.add_resource("some://thing", lambda: "", name="resource")

    def prompt(argument: str) -> str:
        return argument

    server.add_prompt(prompt, complete={"argument": lambda _: []})
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "SKILL.md").write_text("---\nname: skill\ndescription: A skill.\n---\n", encoding="utf-8")
        server.add_skill(folder, path="skill")
    server.add_app("ui://view", "<p></p>")
    declared = {name: server.capabilities(revision) for name, revision in REVISIONS.items()}
    known = sorted({name for capabilities in declared.values() for name in capabilities})

    def shown(capabilities: dict[str, dict[str, object]], name: str) -> str:
        if name not in capabilities:
            return "-"
        return ", ".join(f"`{part}`" for part in capabilities[name]) or "yes"

    return by_revision("capability", {f"`{name}`": [shown(each, name) for each in declared.values()] for name in known})


TABLES = {
    "methods": methods_table,
    "notifications": notifications_table,
    "differences": differences_table,
    "capabilities": capabilities_table,
}


def said(page: str) -> str:
    """A page without what differs between Python versions: how help is wrapped, `-p PORT, --port PORT`."""
    return re.sub(r"\s+", " ", re.sub(r"(-\w) (\S+), (--[\w-]+ \2)", r"\1, \3", page))


PAGES = {
    REFERENCE / "python.md": python_page,
    REFERENCE / "testing.md": testing_page,
    REFERENCE / "errors.md": errors_page,
    REFERENCE / "limits.md": limits_page,
    REFERENCE / "settings.md": settings_page,
    REFERENCE / "dragoman.schema.json": schema_file,
    REFERENCE / "command-line.md": command_line_page,
    SUPPORT: support_page,
}


def main() -> int:
    """Writes the pages, or says which are out of date; the exit status is 1 when one was."""
    parser = argparse.ArgumentParser(description="Writes what the documentation takes from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")
    check = parser.parse_args().check
    stale = []
    for path, page in PAGES.items():
        text = page()
        if path.is_file() and said(path.read_text(encoding="utf-8")) == said(text):
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{name}: out of date; run make docs" if check else f"wrote {name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
