"""A Python file as a target: runs it and finds the server in it.

The file runs once, as a module of its own name where that is free; its folder is where its imports are looked for.
"""

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Final

from dragoman.cli.targets import Target
from dragoman.errors import UsageError
from dragoman.server.server import Server
from dragoman.server.suggest import nearest

TITLE = "Python"
_EXAMPLE: Final = "server = Server('name')"


def add(server: Server, target: Target) -> None:
    """Mount the file's server on another one, prefixed where the target was given a name.

    Raises:
        UsageError: see `load`, or a name is taken.
    """
    try:
        server.mount(load(target), prefix=target.name if target.is_named else "")
    except UsageError as error:
        if "exists already" in str(error):
            raise UsageError(f"'{target.word}': {error} Write {target.name}={target.word} for one.") from error
        raise


def load(target: Target) -> Server:
    """Run the file and return its server.

    Raises:
        UsageError: the file is broken, or holds no server, or several and none is named.
    """
    path = Path(target.location)
    found = _run(path, target.word)
    if target.attribute is not None:
        return _named(found, target.attribute, path)
    servers = {id(value): name for name, value in reversed(found.items()) if isinstance(value, Server)}
    names = sorted(servers.values())
    if not names:
        message = f"'{target.word}' holds no server; write {_EXAMPLE} at its top level, outside functions."
        raise UsageError(message)
    if len(names) > 1:
        shown = ", ".join(names)
        raise UsageError(f"'{target.word}' holds several servers ({shown}); name one: {path}:{names[0]}")
    server = found[names[0]]
    assert isinstance(server, Server)  # noqa: S101  (by how the names were found)
    return server


def _named(found: dict[str, object], name: str, path: Path) -> Server:
    if name not in found:
        near = nearest(name, (known for known, value in found.items() if isinstance(value, Server)))
        hint = f" Did you mean '{near}'?" if near else ""
        raise UsageError(f"'{path}' has no '{name}' at its top level.{hint}")
    value = found[name]
    if not isinstance(value, Server):
        raise UsageError(f"'{name}' in '{path}' is a {type(value).__name__}, not a Server.")
    return value


def _run(path: Path, shown: str) -> dict[str, object]:
    """Run the file as a module and return its top level."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(_module_name(path), path)
    if spec is None or spec.loader is None:
        raise UsageError(f"'{shown}' cannot be imported as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise UsageError(_broken(error, path)) from error
    return vars(module)


def _module_name(path: Path) -> str:
    """The file's own name, so that its types can be looked up; another where something has it already."""
    name = path.stem
    if not name.isidentifier() or name in sys.modules or name in sys.stdlib_module_names:
        return f"dragoman_target_{path.stem}"
    return name


def _broken(error: BaseException, path: Path) -> str:
    """Where in the file it went wrong, and the error's last line."""
    what = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {what}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename) == path or Path(frame.filename) == path.resolve()]
    place = f"{path}:{own[-1].lineno}" if own else str(path)
    inner = frames[-1] if frames else None
    if inner is not None and own and inner.filename != own[-1].filename and "dragoman" not in inner.filename:
        place += f" (raised at {inner.filename}:{inner.lineno})"
    if isinstance(error, UsageError):
        what = str(error)
    elif isinstance(error, SystemExit):
        what = "the file ends the program while it is loaded; keep that under if __name__ == '__main__':"
    return f"{place}: {what}"
