import sys
from pathlib import Path

import pytest

from dragoman.cli.kinds import python as kind
from dragoman.cli.targets import read_target
from dragoman.errors import UsageError
from dragoman.server.server import Server


def load(path: Path, text: str, attribute: str = "") -> Server:
    path.write_text(text, encoding="utf-8")
    return kind.load(read_target(f"{path}:{attribute}" if attribute else str(path)))


def refusal(path: Path, text: str, attribute: str = "") -> str:
    with pytest.raises(UsageError) as caught:
        load(path, text, attribute)
    return str(caught.value)


def test_the_only_server_is_found(tmp_path: Path) -> None:
    server = load(tmp_path / "one.py", "from dragoman import Server\nanything = alias = Server('found')\n")
    assert server.info.name == "found"


def test_a_server_by_its_name(tmp_path: Path) -> None:
    text = "from dragoman import Server\na = Server('first')\nb = Server('second')\n"
    assert load(tmp_path / "two.py", text, "b").info.name == "second"


def test_imports_are_looked_for_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("NAME = 'neighbour'\n", encoding="utf-8")
    text = "from dragoman import Server\nimport beside_it\nserver = Server(beside_it.NAME)\n"
    assert load(tmp_path / "main_file.py", text).info.name == "neighbour"


@pytest.mark.parametrize("name", ["json.py", "my server.py"])
def test_a_file_may_be_called_like_a_module_or_unlike_any(tmp_path: Path, name: str) -> None:
    text = (
        "import json\nfrom dataclasses import dataclass\nfrom dragoman import Server\nserver = Server('s')\n"
        "@dataclass\nclass Point:\n    x: int\n"
        "@server.tool\ndef move(point: 'Point') -> 'Point':\n    '''Move.'''\n    return point\n"
    )
    before = sys.modules["json"]
    assert "move" in load(tmp_path / name, text).tools.named
    assert sys.modules["json"] is before


def test_several_servers_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "many.py"
    text = "from dragoman import Server\nb = Server('1')\na = Server('2')\n"
    assert refusal(path, text) == f"'{path}' holds several servers (a, b); name one: {path}:a"


def test_no_server(tmp_path: Path) -> None:
    path = tmp_path / "none.py"
    assert refusal(path, "def make(): pass\n").startswith(f"'{path}' holds no server; write server = Server('name')")


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    text = "from dragoman import Server\nserver = Server('s')\n"
    assert refusal(tmp_path / "a.py", text, "sever").endswith("has no 'sever' at its top level. Did you mean 'server'?")
    assert refusal(tmp_path / "a.py", text, "zz").endswith("has no 'zz' at its top level.")


def test_a_name_that_is_no_server(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    assert refusal(path, "app = 5\n", "app") == f"'app' in '{path}' is a int, not a Server."


def test_broken_syntax_is_quoted_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    message = refusal(path, "x = 1\ndef oops(:\n    pass\n")
    assert message.startswith(f"{path}:2: SyntaxError: ")
    assert "\n" not in message


def test_a_broken_file_is_quoted_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    assert refusal(path, "x = 1\n\nnot_there\n") == f"{path}:3: NameError: name 'not_there' is not defined"
    assert "broken" not in sys.modules


def test_an_error_further_in_names_both_places(tmp_path: Path) -> None:
    (tmp_path / "inner_file.py").write_text("def load():\n    return 1 / 0\n", encoding="utf-8")
    path = tmp_path / "outer.py"
    message = refusal(path, "import inner_file\ninner_file.load()\n")
    place = f"{path}:2 (raised at {tmp_path / 'inner_file.py'}:2): "
    assert message == f"{place}ZeroDivisionError: division by zero"


def test_a_registration_that_cannot_work_keeps_its_sentence(tmp_path: Path) -> None:
    path = tmp_path / "registers.py"
    text = "from dragoman import Server\nserver = Server('s')\n@server.tool('no spaces')\ndef f(): '''F.'''\n"
    message = refusal(path, text)
    assert message.startswith(f"{path}:3: ")
    assert "no spaces" in message
    assert "UsageError" not in message


def test_a_file_that_ends_the_program(tmp_path: Path) -> None:
    path = tmp_path / "ends.py"
    message = refusal(path, "import sys\nsys.exit(3)\n")
    assert message.startswith(f"{path}:2: the file ends the program while it is loaded")


def test_bytes_that_are_no_python(tmp_path: Path) -> None:
    path = tmp_path / "bytes.py"
    path.write_bytes(b"x = '\xff'\n")
    with pytest.raises(UsageError, match=r"bytes\.py.*SyntaxError"):
        kind.load(read_target(str(path)))


def test_features_are_mounted_as_they_are_or_with_a_prefix(python: Path) -> None:
    server = Server("test")
    kind.add(server, read_target(str(python)))
    kind.add(server, read_target(f"shed={python}"))
    assert {"add", "shed_add"} <= server.tools.named.keys()


def test_a_clash_says_how_to_avoid_it(python: Path) -> None:
    server = Server("test")
    kind.add(server, read_target(str(python)))
    with pytest.raises(UsageError, match=f"exists already.* Write workshop={python} for one"):
        kind.add(server, read_target(str(python)))


def test_a_file_that_is_broken_is_not_called_a_clash(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("not_there", encoding="utf-8")
    with pytest.raises(UsageError, match="NameError"):
        kind.add(Server("test"), read_target(str(path)))
