"""`dragoman.toml`: what works becomes settings, what does not is said with file, line, key and what to do."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.files.settings import FilesSettings
from dragoman.errors import SettingsError, UsageError
from dragoman.ops.config import Config, load
from dragoman.ops.settings import ServerSettings, Settings

ENVIRONMENT = {"FOLDER": "docs", "PORT": "9000", "KEY": "k" * 16 + "0123456789abcdef", "BAD_PORT": "hunter-3a01"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.toml"


def read(file: Path, text: str) -> Config:
    file.write_text(text, encoding="utf-8")
    return load(file, ENVIRONMENT)


def test_an_empty_file_is_all_defaults(file: Path) -> None:
    assert read(file, "").settings == Settings(server=ServerSettings(), connectors={})


def test_everything_it_says(file: Path) -> None:
    text = """\ufeff
[server]
name = "Music shop"\r
port = "${PORT}"
allowed_hosts = ["a.example"]
secrets = ["${KEY}"]
limits = { body_bytes = "1MiB", sessions = 5 }

[connectors.handbook]
type = "files"
path = "${FOLDER}/handbook"
max_file_bytes = "1MB"
"""
    config = read(file, text)
    server = config.settings.server
    assert (server.name, server.port, server.allowed_hosts) == ("Music shop", 9000, ("a.example",))
    assert (server.limits.body_bytes, server.limits.sessions) == (2**20, 5)
    assert [secret.reveal() for secret in server.secrets] == [ENVIRONMENT["KEY"]]
    handbook = config.settings.connectors["handbook"]
    assert handbook.type == "files"
    expected = FilesSettings(path=file.parent / "docs" / "handbook", max_file_bytes=1_000_000)
    assert handbook.settings == expected
    assert ENVIRONMENT["KEY"] not in repr(config)


def test_the_environment_of_the_process_by_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_TEST_NAME", "from outside")
    file.write_text('server.name = "${DRAGOMAN_TEST_NAME}"')
    assert load(file).settings.server.name == "from outside"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("\n[servr]", "2: servr: there is no such section; did you mean 'server'?"),
        ("server = 5", "1: server: is a section; write [server]."),
        ("[server]\n\nprot = 1", "3: server.prot: there is no such setting; did you mean 'port'?"),
        ("server.limits.tasks = 0", "1: server.limits.tasks: expected a whole number, at least 1, got 0."),
        (
            "[server]\npath = 'mcp'",
            "2: server.path: begin with / and use letters, digits, - . _ ~ and /, such as /mcp.",
        ),
        ("[server]\nhome = 'x'", "2: server.home: write the URL of an endpoint, such as http://10.0.0.7:8000/mcp."),
        ("[server]\nname = ' '", "2: server.name: is empty or cannot be printed."),
        (
            "[server]\nport = '${BAD_PORT}'",
            "2: server.port: expected a whole number, at least 0, at most 65,535, got text.",
        ),
        (
            "[server]\nallowed_hosts = [\n 'a',\n '${PROT}']",
            "4: server.allowed_hosts[1]: the environment has no variable PROT; set it, or write ${PROT:-default}; did",
        ),
        ("[connectors]\nshop = 1", "2: connectors.shop: is a section; write [connectors.shop]."),
        (
            "[connectors.'my shop']",
            '1: connectors."my shop": a connector\'s name begins with a letter, then come letters,',
        ),
        ("[connectors.shop]", "1: connectors.shop: has no type; write type = one of 'files', 'sql'."),
        ("[connectors.shop]\ntype = 5", "2: connectors.shop.type: expected one of 'files', 'sql'."),
        (
            "[connectors.shop]\ntype = 'fils'",
            "2: connectors.shop.type: there is no such type of connector; did you mean",
        ),
        ("[connectors.a]\ntype='files'", "1: connectors.a.path: is missing; the folder."),
        (
            "[connectors.a]\ntype='files'\npath=''\nhard_link=1",
            "4: connectors.a.hard_link: there is no such setting; did",
        ),
        (
            "[connectors.a]\ntype='files'\npath='x'\n[connectors.A]\ntype='files'\npath='x'",
            "4: connectors.A: 'a' and 'A' differ in case only.",
        ),
        ("a = 1\na = 2", "2: this is no TOML: cannot overwrite a value."),
        ("a = [1\n", "1: this is no TOML: unclosed array."),
    ],
    ids=lambda value: value[:40],
)
def test_what_cannot_work_is_said_with_its_line(file: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(file, text)
    assert str(caught.value).startswith(f"{file}:{sentence}")
    assert "hunter" not in str(caught.value)


def test_files_that_cannot_be_read(file: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load(file)
    file.write_bytes(b"# a\n# \xff")
    with pytest.raises(UsageError, match=r"shop\.toml:2: this is no UTF-8"):
        load(file)
    file.write_bytes(b"#" * (4 * 2**20 + 1))
    with pytest.raises(UsageError, match="larger than 4 MiB"):
        load(file)
    with pytest.raises(UsageError, match=r"nested too deep|this is no TOML"):
        read(file, "a = " + "[" * 100_000)


def test_complaints_of_those_who_use_a_part_get_their_place(file: Path) -> None:
    config = read(file, "[server]\n\n[connectors.a]\ntype = 'files'\npath = 'x'\n")
    with (
        pytest.raises(UsageError, match=r"shop\.toml:5: connectors\.a\.path: is odd\.$"),
        config.placed("connectors", "a"),
    ):
        raise SettingsError("is odd", path=("path",))
    with (
        pytest.raises(UsageError, match=r"shop\.toml:3: connectors\.a: It is gone\.$"),
        config.placed("connectors", "a"),
    ):
        raise UsageError("It is gone.")
    with config.placed("connectors", "a"):
        pass


@given(
    st.text(alphabet="[]{}=.,\"'\n $abserviconetyplmh${}:-\\"), st.sampled_from(["", "[server]\n", "[connectors.a]\n"])
)
def test_no_text_does_worse_than_a_usage_error(tmp_path_factory: pytest.TempPathFactory, text: str, head: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(head + text, encoding="utf-8")
    try:
        config = load(file, ENVIRONMENT)
    except UsageError as error:
        said = str(error)
    else:
        assert isinstance(config.settings, Settings)
        return
    assert said.startswith(f"{file}:")
    assert "hunter" not in said
