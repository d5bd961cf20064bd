"""A configuration that changes while it is served."""

import asyncio
import logging
from pathlib import Path

import pytest

from dragoman.errors import UsageError
from dragoman.ops.config import load
from dragoman.ops.reload import Reloading
from dragoman.ops.settings import Settings

BEGINNING = "[roles.a]\ntools = ['x']\n"


class Served:
    """A file, and what was made of it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "dragoman.toml"
        self.file.write_text(BEGINNING, encoding="utf-8")
        self.applied: list[Settings] = []
        self.refuses = False
        self.reloading = Reloading(load(self.file), self.apply, seconds=0.01)

    async def apply(self, settings: Settings) -> None:
        if self.refuses:
            raise UsageError("cannot be")
        self.applied.append(settings)


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


async def test_a_change_holds_once_it_is_there(served: Served) -> None:
    task = asyncio.create_task(served.reloading.run())
    await asyncio.sleep(0.05)
    assert served.applied == []
    served.file.write_text("[roles.a]\ntools = ['x', 'y']\n", encoding="utf-8")
    async with asyncio.timeout(5):
        while not served.applied:  # noqa: ASYNC110 (nothing tells)
            await asyncio.sleep(0.01)
    assert served.applied[0].roles["a"].tools == ("x", "y")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[roles.a]\ntools = [", "no TOML"),
        ("[roles.a]\ntool = ['x']", "did you mean 'tools'?"),
        ("[auth.jwt]", "issuer: is missing"),
        ("", "no longer asks callers to sign in"),
    ],
)
async def test_a_file_that_cannot_be_changes_nothing(
    served: Served, text: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    served.file.write_text(text, encoding="utf-8")
    with caplog.at_level(logging.ERROR, "dragoman.auth"):
        await served.reloading.read()
    assert served.applied == []
    assert said in caplog.text


async def test_a_file_that_is_gone_changes_nothing(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    served.file.unlink()
    await served.reloading.read()
    assert served.applied == []
    assert "stay" in caplog.text


async def test_what_cannot_be_applied_is_tried_again_with_the_next_change(served: Served) -> None:
    served.refuses = True
    served.file.write_text("[roles.b]\n", encoding="utf-8")
    await served.reloading.read()
    served.refuses = False
    await served.reloading.read()
    assert list(served.applied[0].roles) == ["b"]


async def test_other_sections_change_nothing(served: Served) -> None:
    served.file.write_text(f"{BEGINNING}\n[server]\nname = 'other'\n", encoding="utf-8")
    await served.reloading.read()
    assert served.applied == []
