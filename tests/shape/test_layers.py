"""Design law 1 and 2: imports go down only, `protocol` is pure, connectors use the outsiders' door.

The tables below are the law as data; a row that is no longer needed fails as well.
"""

import ast

import pytest

from tests.shape.sources import Module, imports, modules, where

# What each part may import of the package; a part that is missing here fails, so a new one gets its row.
FOUNDATION = {"errors", "limits", "protocol"}
BELOW_SERVER = FOUNDATION | {"auth.principal", "auth.policy", "auth.quota", "secrets"}
BELOW_WIRES = BELOW_SERVER | {"server", "store"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "limits": {"errors"},
    "secrets": set(),
    "settings": {"errors", "secrets"},
    "protocol": {"errors", "limits"},
    "auth.principal": FOUNDATION,
    "auth.quota": set(),
    "auth.gate": BELOW_WIRES | {"auth"},
    "auth.rules": BELOW_WIRES | {"auth.gate"},
    "auth.policy": FOUNDATION | {"auth.principal", "auth.quota"},
    "store": {"errors", "limits"},
    "server": BELOW_SERVER | {"store"},
    "transports": BELOW_WIRES | {"auth.gate", "auth.rules"},
    "auth": BELOW_WIRES | {"settings"},
    "client": BELOW_WIRES | {"transports"},  # its memory and stdio wires end in ours
    "connectors": set(),  # the public names and its own folder: tested by itself below
    "testing": BELOW_WIRES | {"transports", "client"},
    "ops": BELOW_WIRES | {"settings", "connectors", "auth", "auth.gate"},
    "demo": BELOW_WIRES | {"connectors"},
    "cli": BELOW_WIRES
    | {"transports", "client", "connectors", "auth", "auth.gate", "ops", "settings", "demo", "__version__"},
    "__main__": {"cli"},
}

# Imports against the rows above: module, what it imports, and the reason.
UPWARD: dict[tuple[str, str], str] = {
    ("dragoman.settings", "dragoman.server.suggest"): "which known key was meant: names in, a name out",
    ("dragoman.server.server", "dragoman.transports"): "run() and asgi() open the wire their user names",
    ("dragoman.server.server", "dragoman.auth.gate"): "and asgi() hands the gate on: only its type",
}

# Imports inside functions: module, what it imports there, and the reason. Nothing else may.
INSIDE_FUNCTIONS: dict[tuple[str, str], str] = {
    ("dragoman.server.server", "dragoman.transports"): "a server that only writes features loads no wire",
    ("dragoman.server.server", "dragoman.server.skill_shelves"): "a server without skills reads no YAML and no folders",
    ("dragoman.server.server", "dragoman.server.apps"): "modules that a server without user interfaces never needs",
    ("dragoman.connectors.files.extract", "charset_normalizer"): "20 ms that a folder of UTF-8 never pays",
    ("dragoman.client.client", "dragoman.client.http"): "a wire is loaded when it is used",
    ("dragoman.client.client", "dragoman.client.stdio"): "a wire is loaded when it is used",
    ("dragoman.client.client", "dragoman.client.memory"): "a wire is loaded when it is used",
    ("dragoman.client.http", "dragoman.client.oauth.sign_in"): "80 ms that a client that does not sign in never pays",
    ("dragoman.client.skills", "dragoman.server.front_matter"): "a client that loads no skill reads no YAML",
    ("dragoman.server.seal", "cryptography"): "60 ms that a server that never asks does not pay",
    ("dragoman.server.given_schema", "jsonschema_rs"): "a server of typed functions needs none",
    ("dragoman.transports.forwarding", "httpx2"): "100 ms that a single process does not pay",
    ("dragoman.auth.jwks", "joserfc"): "loaded with the first key",
    ("dragoman.auth.jwt", "joserfc"): "loaded with the first token",
    ("dragoman.auth.rules", "dragoman.auth.gate"): "a server whose tools ask for nothing has no gate",
    ("dragoman.ops.sign_in", "dragoman.auth.jwt"): "a server of API keys alone reads no signatures",
    ("dragoman.ops.sign_in", "dragoman.auth.introspection"): "and asks nobody",
    ("dragoman.ops.sign_in", "dragoman.auth.providers"): "and knows no providers",
    ("dragoman.ops.oversight", "dragoman.ops.audit.hook"): "a server without an audit log loads none",
    ("dragoman.ops.oversight", "dragoman.ops.audit.log"): "and keeps none",
    ("dragoman.ops.oversight", "dragoman.ops.rates.hook"): "a server without quotas counts nothing",
    ("dragoman.ops.oversight", "dragoman.ops.rates.memory"): "and keeps no buckets",
    ("dragoman.transports.uvicorn", "uvloop"): "Windows has none",
    ("dragoman.connectors.sql.engines.sqlite_worker", "resource"): "Windows has none",
}

IMPURE = {
    "anyio",
    "asyncio",
    "concurrent",
    "datetime",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "trio",
    "uvicorn",
    "uvloop",
    "warnings",
}
ASYNCHRONOUS = ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith


def each(below: str = "dragoman", besides: str | None = None) -> pytest.MarkDecorator:
    """Run a test once for each module below a name, but for those below another name."""
    chosen = [module for module in modules() if module.name.startswith(below)]
    if besides is not None:
        chosen = [module for module in chosen if not module.name.startswith(besides)]
    return pytest.mark.parametrize("module", chosen, ids=lambda module: module.name)


def part_of(name: str) -> str:
    """The longest row of the table that a dotted name belongs to, or its first word below the package."""
    inner = name.removeprefix("dragoman.")
    rows = [row for row in MAY_IMPORT if inner == row or inner.startswith(row + ".")]
    return max(rows, key=len) if rows else inner.split(".")[0]


@each(below="dragoman.", besides="dragoman.connectors.")
def test_imports_go_down_only(module: Module) -> None:
    part = part_of(module.name)
    if module.is_package and part not in MAY_IMPORT:
        assert not list(imports(module)), f"{module.name} is only a folder: it may not import anything"
        return
    assert part in MAY_IMPORT, f"{module.name} belongs to no layer: give it a row in MAY_IMPORT"
    upward = [
        f"{where(module.path, found.line)} imports {found.target}"
        for found in imports(module)
        if found.target.split(".")[0] == "dragoman"
        and part_of(found.target) not in MAY_IMPORT[part] | {part}
        and not argued(UPWARD, module.name, found.target)
    ]
    assert not upward, f"{part} may import {sorted(MAY_IMPORT[part])} of the package and nothing else"


@each(below="dragoman.connectors.")
def test_connectors_import_only_public_names_and_their_own_folder(module: Module, public_names: frozenset[str]) -> None:
    folder = ".".join(module.name.split(".")[:3])
    foreign = [
        f"{where(module.path, found.line)} imports {found.target}"
        for found in imports(module)
        if found.target.split(".")[0] == "dragoman"
        and not found.target.startswith(folder + ".")
        and found.target.removeprefix("dragoman.") not in public_names
    ]
    assert not foreign, f"a connector imports public names (from dragoman import ...) and {folder}"


@each(below="dragoman.protocol")
def test_protocol_is_pure(module: Module) -> None:
    impure = [
        f"{where(module.path, found.line)} imports {found.target}"
        for found in imports(module)
        if found.target.split(".")[0] in IMPURE
    ]
    asynchronous = [where(module.path, node.lineno) for node in ast.walk(module.tree) if isinstance(node, ASYNCHRONOUS)]
    assert not impure, "protocol is bytes in, objects out: no sockets, no clock, no files, no logging"
    assert not asynchronous, "protocol has nothing to wait for"


@each()
def test_imports_stand_at_the_top(module: Module) -> None:
    inside = [
        f"{where(module.path, found.line)} imports {found.target} in {found.function}()"
        for found in imports(module)
        if found.function is not None and not argued(INSIDE_FUNCTIONS, module.name, found.target)
    ]
    assert not inside, "an import inside a function needs a row with its reason in INSIDE_FUNCTIONS"


def argued(table: dict[tuple[str, str], str], module: str, target: str) -> bool:
    """Whether a table allows this import: of the module it names or of something in it."""
    return any(module == row[0] and within(target, row[1]) for row in table)


def within(target: str, allowed: str) -> bool:
    return target == allowed or target.startswith(allowed + ".")


@pytest.mark.parametrize(("name", "target"), [*UPWARD, *INSIDE_FUNCTIONS])
def test_every_argued_import_is_still_there(name: str, target: str) -> None:
    found = [found.target for module in modules() if module.name == name for found in imports(module)]
    assert any(within(imported, target) for imported in found), "remove the row: nobody needs it"


def test_the_package_is_seen() -> None:
    assert {"dragoman", "dragoman.errors", "dragoman.protocol.jsonrpc"} <= {module.name for module in modules()}
