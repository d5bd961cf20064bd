"""Folders of skills, written for tests."""

from pathlib import Path

Files = dict[str, str | bytes]


def manifest(name: str, description: str = "What it is for.", more: str = "") -> str:
    """The text of a `SKILL.md`."""
    return f"---\nname: {name}\ndescription: {description}\n{more}---\n# {name}\n"


def write_files(folder: Path, files: Files) -> Path:
    """Write files below a folder."""
    for place, contents in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return folder


def write_skill(folder: Path, name: str = "", files: Files | None = None) -> Path:
    """Write a skill into a folder, which its name is taken from where none is given."""
    return write_files(folder, {"SKILL.md": manifest(name or folder.name), **(files or {})})
