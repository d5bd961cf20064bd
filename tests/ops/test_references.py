"""What texts stand for: variables, files, keyrings and places; what is missing is named, what is secret is not."""

from pathlib import Path

import pytest

from dragoman.errors import SettingsError
from dragoman.ops.references import References
from dragoman.secrets import masked
from dragoman.settings import TextKind

ENVIRONMENT = {
    "WHERE": "there",
    "EMPTY": "",
    "DB_PASSWORD": "pw-5f01-é",
    "HARMLESS": "hm-5f02",
    "WHOLE_URL": "postgresql://u:pw-5f03@h/d",
}


@pytest.fixture
def references(tmp_path: Path) -> References:
    return References(tmp_path, ENVIRONMENT)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("plain", "plain"),
        ("${WHERE}", "there"),
        ("a ${WHERE}/${WHERE} b", "a there/there b"),
        ("${MISSING:-other}", "other"),
        ("${MISSING:-}", ""),
        ("${EMPTY:-other}", ""),
        ("$${WHERE} $WHERE $", "${WHERE} $WHERE $"),
        ("file:/etc/x", "file:/etc/x"),
        ("keyring:a/b", "keyring:a/b"),
    ],
)
def test_variables(references: References, text: str, meant: str) -> None:
    assert references(text, "plain") == meant


@pytest.mark.parametrize("kind", ["plain", "url", "path", "secret"])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("${WHRE}", "the environment has no variable WHRE; set it, or write ${WHRE:-default}; did you mean ${WHERE}?"),
        ("a${ b", "write ${NAME} or ${NAME:-default} for a variable, and $${ for ${ itself"),
        ("${1X}", "write ${NAME} or ${NAME:-default} for a variable, and $${ for ${ itself"),
    ],
)
def test_what_is_no_variable(references: References, text: str, sentence: str, kind: TextKind) -> None:
    with pytest.raises(SettingsError) as caught:
        references(text, kind)
    assert str(caught.value) == sentence


def test_values_of_secret_variables_are_masked_from_then_on(references: References) -> None:
    assert references("${DB_PASSWORD} ${HARMLESS}", "plain") == "pw-5f01-é hm-5f02"
    assert masked("pw-5f01-é hm-5f02") == "*** hm-5f02"
    references("postgresql://u:${HARMLESS}@h/d", "url")
    assert masked("hm-5f02") == "***"
    references("${WHOLE_URL}", "url")


@pytest.mark.parametrize("kind", ["secret", "url"])
def test_files(references: References, tmp_path: Path, kind: TextKind) -> None:
    (tmp_path / "key").write_text("postgresql://u:p-5f04@h/d\n")
    assert references("file:key", kind) == "postgresql://u:p-5f04@h/d"
    assert references(f"file:{tmp_path}/key", kind) == "postgresql://u:p-5f04@h/d"
    assert masked("postgresql://u:p-5f04@h/d") == "***"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing", None, "the file 'missing' cannot be read: No such file or directory"),
        ("empty", b"\n", "the file 'empty' is empty"),
        ("large", b"x" * 70_000, "the file 'large' is too large for a secret"),
        ("bytes", b"\xff\xfe", "the file 'bytes' is no text in UTF-8"),
    ],
)
def test_files_that_hold_no_secret(
    references: References, tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        references(f"file:{name}", "secret")
    assert str(caught.value) == sentence


KEYRING = """
def get_password(service, name):
    if service == "locked":
        raise RuntimeError("the secret is kr-5f05")
    return {("shop", "db"): "kr-5f05"}.get((service, name))
"""


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name, as if it were installed."""
    monkeypatch.delitem(__import__("sys").modules, "keyring", raising=False)
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "keyring.py").write_text(KEYRING)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))


@pytest.mark.usefixtures("keyring")
def test_keyrings(references: References) -> None:
    assert references("keyring:shop/db", "secret") == "kr-5f05"
    assert masked("kr-5f05") == "***"


@pytest.mark.usefixtures("keyring")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("keyring:shop", "write keyring:SERVICE/NAME"),
        ("keyring:shop/", "write keyring:SERVICE/NAME"),
        ("keyring:shop/x", "the keyring has no entry 'x' of 'shop'; add it with: keyring set shop x"),
        ("keyring:locked/x", "the keyring cannot be read (RuntimeError); is it locked?"),
    ],
)
def test_entries_that_are_not_there(references: References, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        references(text, "url")
    assert str(caught.value) == sentence


def test_a_keyring_that_is_not_installed(references: References, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    with pytest.raises(SettingsError, match=r"pip install 'dragoman\[keyring\]'"):
        references("keyring:shop/db", "secret")


@pytest.mark.parametrize(
    ("url", "placed"),
    [
        ("sqlite:///a b.db", "sqlite:///{}/a b.db"),
        ("sqlite:///../x/a.db?mode=ro", "sqlite:///{}/../x/a.db?mode=ro"),
        ("duckdb:///a.duckdb", "duckdb:///{}/a.duckdb"),
        ("sqlite+aiosqlite:///a.db", "sqlite+aiosqlite:///{}/a.db"),
        ("a.db", "{}/a.db"),
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db"),
        ("/srv/a.db", "/srv/a.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        (":memory:", ":memory:"),
        ("sqlite://", "sqlite://"),
        ("", ""),
        ("postgresql://h/d", "postgresql://h/d"),
    ],
)
def test_urls_of_files_begin_in_the_folder_of_the_configuration(
    references: References, tmp_path: Path, url: str, placed: str
) -> None:
    assert references(url, "url") == placed.format(tmp_path)


def test_paths_begin_there_too(references: References, tmp_path: Path) -> None:
    assert references("docs", "path") == f"{tmp_path}/docs"
    assert references("/srv/docs", "path") == "/srv/docs"
    assert references("~/docs", "path") == str(Path.home() / "docs")
