"""The settings of a folder: the same names and defaults as in code."""

import inspect
from pathlib import Path

import pytest
from msgspec import structs

from dragoman import Files, SettingsError, read_settings
from dragoman.connectors.files.settings import FilesSettings


def test_code_and_files_have_the_same_names_and_defaults() -> None:
    taken = inspect.signature(Files.__init__).parameters
    fields = {field.name: field.default for field in structs.fields(FilesSettings) if not field.required}
    assert fields == {name: one.default for name, one in taken.items() if one.default is not one.empty}


async def test_a_folder_is_made_of_its_settings(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    settings = read_settings({"path": str(tmp_path), "max_reply_bytes": "1KiB", "call_seconds": "2s"}, FilesSettings)
    assert settings == FilesSettings(path=tmp_path, max_reply_bytes=1024, call_seconds=2.0)
    files = Files.from_settings("notes", settings)
    assert files.name == "notes"
    await files.close()


@pytest.mark.parametrize("wrong", [{"max_files": 0}, {"threads": 0}, {"max_file_bytes": 0}, {"call_seconds": 0}])
def test_limits_that_serve_nobody_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match=f"^{next(iter(wrong))}: expected"):
        read_settings({"path": "x", **wrong}, FilesSettings)
