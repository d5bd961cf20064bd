"""What the texts of a configuration stand for: variables of the environment, files, entries of a keyring, places.

Values that are secrets are masked from here on. A complaint names the variable, the file or the entry, never a value.
"""

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dragoman.errors import SettingsError
from dragoman.secrets import names_secret, register
from dragoman.server.suggest import nearest
from dragoman.settings import TextKind

_VARIABLE: Final = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")
_FILE_URL: Final = re.compile(r"(sqlite|duckdb)(\+\w+)?:///(?!/)(?P<path>[^?]+)(?P<rest>.*)", re.DOTALL)
_LARGEST_FILE: Final = 64 * 1024
_MEMORY: Final = ":memory:"


class References:
    """Reads the texts of one file.

    Args:
        folder: where relative paths begin: the file's folder.
        environment: the variables there are.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    def __call__(self, text: str, kind: TextKind) -> str:
        """Return what a text stands for.

        Args:
            text: as written.
            kind: what is expected; only a secret or a URL may be kept in a file or a keyring.

        Raises:
            SettingsError: a variable, file or entry is missing.
        """
        meant = self._with_variables(text, kind)
        if kind in ("secret", "url"):
            if meant.startswith("file:") and not meant.startswith("file://"):
                meant = self._from_file(meant.removeprefix("file:"))
            elif meant.startswith("keyring:"):
                meant = _from_keyring(meant.removeprefix("keyring:"))
        if kind == "url":
            return self._placed(meant)
        if kind == "path":
            return str(self._absolute(meant))
        return meant

    def _with_variables(self, text: str, kind: TextKind) -> str:
        """Put values in place of `${NAME}` and `${NAME:-default}`; `$${` stands for `${` itself."""
        if "${" not in text:
            return text
        password = range(0)
        if kind == "url" and "@" in text:
            begin = text.find(":", text.find("://") + 3)
            password = range(begin, text.rfind("@")) if begin > 0 else password

        def value(found: re.Match[str]) -> str:
            name, default = found.groups()
            if name is None:
                if found[0] == "$${":
                    return "${"
                raise SettingsError("write ${NAME} or ${NAME:-default} for a variable, and $${ for ${ itself")
            known = self._environment.get(name)
            if known is None and default is None:
                near = nearest(name, sorted(self._environment))
                hint = f"; did you mean ${{{near}}}?" if near else ""
                raise SettingsError(
                    f"the environment has no variable {name}; set it, or write ${{{name}:-default}}{hint}"
                )
            meant: str = default if known is None else known
            if kind == "secret" or found.start() in password or names_secret(name):
                register(meant)
            return meant

        return _VARIABLE.sub(value, text)

    def _from_file(self, place: str) -> str:
        path = self._absolute(place)
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST_FILE + 1)
            text = data.decode().rstrip("\r\n")
        except OSError as error:
            raise SettingsError(f"the file '{place}' cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"the file '{place}' is no text in UTF-8") from None
        if len(data) > _LARGEST_FILE or not text:
            raise SettingsError(f"the file '{place}' is {'too large for a secret' if text else 'empty'}")
        register(text)
        return text

    def _absolute(self, place: str) -> Path:
        path = Path(place)
        if place.startswith("~"):
            path = path.expanduser()
        return path if path.is_absolute() else (self._folder / path).absolute()

    def _placed(self, url: str) -> str:
        """A URL of a file, or a path, as it is meant in the file's folder."""
        if found := _FILE_URL.fullmatch(url):
            if found["path"] == _MEMORY:
                return url
            return f"{url.partition(':///')[0]}:///{self._absolute(found['path'])}{found['rest']}"
        return url if "://" in url or not url or url == _MEMORY else str(self._absolute(url))


def _from_keyring(entry: str) -> str:
    service, slash, name = entry.partition("/")
    if not (service and slash and name):
        raise SettingsError("write keyring:SERVICE/NAME")
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise SettingsError("keyring: needs a package that is not installed; pip install 'dragoman[keyring]'") from None
    try:
        value = keyring.get_password(service, name)
    except Exception as error:  # whatever the system's keyring raises; its text may say anything
        raise SettingsError(f"the keyring cannot be read ({type(error).__name__}); is it locked?") from error
    if not value:
        raise SettingsError(
            f"the keyring has no entry '{name}' of '{service}'; add it with: keyring set {service} {name}"
        )
    register(value)
    return str(value)
