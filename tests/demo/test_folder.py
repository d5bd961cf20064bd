import threading
from pathlib import Path

import pytest

from dragoman.demo.folder import MARKER, prepare
from dragoman.errors import UsageError


def test_it_is_made_whole_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "demo"
    made = prepare(folder)
    assert made.made
    assert made.database.read_bytes().startswith(b"SQLite format 3\0")
    assert (made.handbook / "customers" / "refunds.md").is_file()
    assert sorted(path.name for path in folder.iterdir()) == [MARKER, "handbook", "shop.db"]
    assert [path.name for path in folder.parent.iterdir()] == ["demo"]
    (made.handbook / "mine.md").write_text("# Mine\n", encoding="utf-8")
    found = prepare(folder)
    assert not found.made
    assert (found.handbook / "mine.md").exists()


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    assert prepare(tmp_path / "demo").set_aside is None


def test_a_demo_of_another_version_is_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    for note in ("first", "second"):
        prepare(folder)
        (folder / "handbook" / "mine.md").write_text(note, encoding="utf-8")
        (folder / MARKER).write_text("f" * 64 + "\n", encoding="ascii")
    renewed = prepare(folder)
    assert renewed.made
    assert renewed.set_aside == tmp_path / "demo-old-ffffffff"
    assert (renewed.set_aside / "handbook" / "mine.md").read_text(encoding="utf-8") == "second"


def test_a_demo_with_something_missing_is_made_again(tmp_path: Path) -> None:
    first = prepare(tmp_path / "demo")
    first.database.unlink()
    assert prepare(tmp_path / "demo").database.is_file()


def test_somebody_else_s_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="holds files that are not the demo's"):
        prepare(tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        prepare(tmp_path / "mine.txt")
    with pytest.raises(UsageError, match=r"cannot be written to .* Choose a folder with --folder"):
        prepare(tmp_path / "mine.txt" / "demo")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_several_at_once_make_one(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    made: list[bool] = []
    threads = [threading.Thread(target=lambda: made.append(prepare(folder).database.is_file())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [True] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
