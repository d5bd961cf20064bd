import os
import shutil
import socket
from pathlib import Path

import pytest

from dragoman.cli.targets import Kind, name_from, read_target, read_targets
from dragoman.errors import UsageError
from dragoman.secrets import masked


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_database_by_its_suffix(database: Path) -> None:
    target = read_target(str(database))
    assert (target.kind, target.name, target.location) == ("database", "tools", str(database))
    assert not target.is_named


def test_a_database_by_its_first_bytes(database: Path) -> None:
    shutil.copy(database, "inventory.2026")
    target = read_target("inventory.2026")
    assert (target.kind, target.name) == ("database", "inventory")


def test_an_empty_database_is_one() -> None:
    Path("new.sqlite3").touch()
    assert read_target("new.sqlite3").kind == "database"


def test_a_folder(folder: Path) -> None:
    assert read_target(str(folder)).kind == "folder"
    assert read_target(f"{folder}/").name == "manual"
    assert read_target("./manual").name == "manual"


def test_the_folder_one_stands_in(tmp_path: Path) -> None:
    assert read_target(".").name == name_from(tmp_path.name, "folder")


def test_a_python_file_and_a_server_in_it(python: Path) -> None:
    whole, named = read_target("workshop.py"), read_target("workshop.py:server")
    assert (whole.kind, whole.name, whole.attribute) == ("python", "workshop", None)
    assert (named.kind, named.location, named.attribute) == ("python", "workshop.py", "server")


def test_a_name_of_one_s_own(database: Path, python: Path) -> None:
    target = read_target("shed=tools.db")
    assert (target.name, target.location, target.is_named) == ("shed", "tools.db", True)
    assert read_target("shed=sqlite:///tools.db").name == "shed"
    assert read_target("shed=workshop.py:server").attribute == "server"


def test_a_path_is_a_path_whatever_it_looks_like(database: Path) -> None:
    shutil.copy(database, "a=b.db")
    assert read_target("a=b.db").location == "a=b.db"
    Path("x=y.py:z").mkdir()
    assert read_target("x=y.py:z").kind == "folder"
    shutil.copy(database, r"C:\tools.db")
    assert read_target(r"C:\tools.db").location == r"C:\tools.db"


@pytest.mark.parametrize("word", [r"C:\x\y.db", "C:/x/y.db", r"C:\server.py", r"C:\server.py:app", r"shop=D:\x.db"])
def test_a_drive_is_neither_a_scheme_nor_a_name(word: str) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_target(word)


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made there")
def test_a_server_named_in_a_file_on_a_drive() -> None:
    Path(r"C:\server.py").write_text("", encoding="utf-8")
    target = read_target(r"C:\server.py:app")
    assert (target.location, target.attribute) == (r"C:\server.py", "app")


def test_urls(database: Path) -> None:
    relative, absolute = read_target("sqlite:///tools.db"), read_target(f"sqlite:///{database}")
    assert (relative.kind, relative.name, relative.location) == ("database", "tools", "sqlite:///tools.db")
    assert absolute.name == "tools"
    assert read_target("SQLite:///tools.db").kind == "database"


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("", "A target is empty"),
        ("a\0b", "A target is empty"),
        ("redis://localhost/0", "'redis://' cannot be served yet; .* sqlite://"),
        ("postgresql://", "names no database"),
        ("mysql://u:tg-1b01@[::1/shop", "names no database"),
        ("sqllite:///tools.db", "Did you mean sqlite://"),
        ("http://127.0.0.1:8000/mcp", "is a server's address: use it with list, call, read or prompt"),
        ("sqlite:///", "names no file"),
        ("sqlite://host/tools.db", "names no file"),
        ("sqlite:///gone.db", "'sqlite:///gone.db' does not exist"),
        ("tols.db", "'tols.db' does not exist. Did you mean 'tools.db'"),
        ("nowhere/tools.db", "'nowhere/tools.db' does not exist."),
        ("x" * 5000, "does not exist"),
        ("my shop=tools.db", "the name 'my shop' cannot be used"),
        ("=tools.db", "the name '' cannot be used"),
        ("1st=tools.db", "the name '1st' cannot be used"),
        ("läden=tools.db", "the name 'läden' cannot be used"),
        ("gone.py:app", "'gone.py' does not exist"),
        ("manual/hours.md", "serve the folder it is in"),
    ],
)
def test_what_cannot_be_served_is_a_sentence(database: Path, folder: Path, word: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_target(word)


@pytest.mark.parametrize("word", ["fake.db", "sqlite:///fake.db"])
def test_a_database_of_other_bytes(word: str) -> None:
    Path("fake.db").write_bytes(b"PK\x03\x04 a zip file")
    with pytest.raises(UsageError, match="is no SQLite database"):
        read_target(word)


def test_a_socket_is_nothing_to_serve() -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("door.db")
        with pytest.raises(UsageError, match="neither a file nor a folder"):
            read_target("door.db")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(database: Path) -> None:
    database.chmod(0)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        read_target("tools.db")


def test_two_of_one_name_are_refused(database: Path) -> None:
    Path("old").mkdir()
    shutil.copy(database, "old/Tools.db")
    with pytest.raises(UsageError, match=r"Two targets are called 'Tools': 'tools.db' and 'old/Tools.db'\. .*Tools2="):
        read_targets(["tools.db", "old/Tools.db"])
    Path("manual").mkdir()
    with pytest.raises(UsageError, match=r"such as manual2=tools\.db$"):
        read_targets(["manual", "manual=tools.db"])
    assert [target.name for target in read_targets(["tools.db", "old=old/Tools.db"])] == ["tools", "old"]


class TestDataFiles:
    @pytest.fixture(autouse=True)
    def _files(self) -> None:
        for folder in ("shop", "other"):
            Path(folder).mkdir()
            Path(folder, "sales 2024.csv").write_text("id,amount\n1,2.5\n")
            Path(folder, "staff.jsonl").write_text('{"id": 1}\n')
        Path("top.tsv").write_text("\ufeffid\tname\n", encoding="utf-8")
        Path("empty.csv").touch()
        Path("blank.json").write_text(" \n")
        Path("prose.json").write_text("once upon a time")
        Path("zip.csv").write_bytes(b"PK\x03\x04\0\0")
        Path("zip.parquet").write_bytes(b"PK\x03\x04\0\0")
        Path("some.PARQUET").write_bytes(b"PAR1....")

    def test_one_is_a_database_of_one_table(self) -> None:
        target = read_target("shop/sales 2024.csv")
        assert (target.kind, target.name) == ("data", "sales_2024")
        assert target.files == (("sales_2024", "shop/sales 2024.csv"),)
        assert read_target("some.PARQUET").kind == "data"
        assert read_target("y24=shop/sales 2024.csv").files[0][0] == "y24"

    def test_many_are_one_database_called_after_their_folder(self) -> None:
        Path("manual").mkdir()
        words = ["manual", "shop/sales 2024.csv", "shop/staff.jsonl"]
        folder, data = read_targets(words)
        assert (folder.kind, data.kind, data.name) == ("folder", "data", "shop")
        assert data.word == "shop/sales 2024.csv and 1 more"
        assert data.files == (("sales_2024", "shop/sales 2024.csv"), ("staff", "shop/staff.jsonl"))
        assert read_targets(["top.tsv", "some.PARQUET"])[0].name == "data"
        (mixed,) = read_targets(["shop/staff.jsonl", "top.tsv", "old=other/staff.jsonl"])
        assert (mixed.name, [table for table, _ in mixed.files]) == ("data", ["staff", "top", "old"])

    def test_a_pattern_that_the_shell_left_is_expanded(self) -> None:
        Path("shop/notes.txt").touch()
        (data,) = read_targets(["shop/*"])
        assert [table for table, _ in data.files] == ["sales_2024", "staff"]
        with pytest.raises(UsageError, match=r"'none/\*\.csv' does not exist"):
            read_targets(["none/*.csv"])

    def test_two_of_one_table_are_refused(self) -> None:
        with pytest.raises(UsageError, match=r"would both be the table 'staff'; .* such as staff2=other/staff\.jsonl$"):
            read_targets(["shop/staff.jsonl", "other/staff.jsonl"])

    @pytest.mark.parametrize(
        ("word", "sentence"),
        [
            ("empty.csv", "'empty.csv' is empty; a table needs at least the names of its columns"),
            ("blank.json", "'blank.json' is empty"),
            ("prose.json", "'prose.json' holds no JSON objects"),
            ("zip.csv", "'zip.csv' is no text with columns"),
            ("zip.parquet", "'zip.parquet' is no Parquet file"),
            ("shop/sales.csv", "'shop/sales.csv' does not exist. Did you mean 'shop/sales 2024.csv'"),
        ],
    )
    def test_what_is_no_data_is_a_sentence(self, word: str, sentence: str) -> None:
        with pytest.raises(UsageError, match=sentence):
            read_target(word)


@pytest.mark.parametrize("form", ["{}", "duckdb:///{}"])
def test_a_duckdb_database(form: str) -> None:
    Path("shop.duckdb").write_bytes(b"\1\2\3\4\5\6\7\0DUCK and more")
    target = read_target(form.format("shop.duckdb"))
    assert (target.kind, target.name, target.location) == ("database", "shop", form.format("shop.duckdb"))
    Path("none.ddb").touch()
    with pytest.raises(UsageError, match=r"none\.ddb' is no DuckDB database: it is empty"):
        read_target(form.format("none.ddb"))
    Path("other.duckdb").write_bytes(b"SQLite format 3")
    with pytest.raises(UsageError, match=r"other\.duckdb' is no DuckDB database: it begins with other bytes"):
        read_target(form.format("other.duckdb"))


def test_python_files_bring_names_of_their_own(python: Path) -> None:
    Path("workshop").mkdir()
    assert len(read_targets(["workshop.py", "workshop"])) == 2


@pytest.mark.parametrize(
    ("stem", "kind", "name"),
    [
        ("shop", "database", "shop"),
        ("My Shop (2024)", "database", "My_Shop_2024"),
        ("shop.v2", "database", "shop_v2"),
        ("my-shop_1", "database", "my-shop_1"),
        ("Bücher", "folder", "Bucher"),
        ("Łódź", "folder", "odz"),
        ("магазин", "database", "db"),
        ("店", "folder", "files"),
        ("", "folder", "files"),
        ("2024", "database", "db_2024"),
        ("-x-", "folder", "x"),
        ("__", "python", "server"),
        ("x" * 99, "folder", "x" * 48),
    ],
)
def test_names_are_derived(stem: str, kind: Kind, name: str) -> None:
    assert name_from(stem, kind) == name


def test_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "Shop.TOML"
    file.touch()
    target = read_target(str(file))
    assert (target.kind, target.location) == ("configuration", str(file))
    with pytest.raises(UsageError, match="a configuration names its own connectors; write"):
        read_target(f"shop={file}")


def test_a_server_has_one_configuration(tmp_path: Path) -> None:
    files = [tmp_path / "a.toml", tmp_path / "b.toml"]
    for file in files:
        file.touch()
    assert len(read_targets([str(files[0])])) == 1
    with pytest.raises(UsageError, match="are two configurations; a server has one"):
        read_targets(map(str, files))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://reader:tg-1b02@db.example:5433/shop", "shop"),
        ("postgres://db.example/my%20shop?sslmode=require", "my_shop"),
        ("mysql://db.example", "db_example"),
        ("MariaDB:///shop", "shop"),
        ("sales=mysql://db.example/shop", "sales"),
    ],
)
def test_databases_of_servers(url: str, name: str) -> None:
    target = read_target(url)
    assert (target.kind, target.name, target.location) == ("database", name, url.removeprefix("sales="))
    assert "tg-1b02" not in masked(target.word)
