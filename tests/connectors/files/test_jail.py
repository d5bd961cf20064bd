"""The jail, from inside and from outside: a table of attacks, races, types, names and limits."""

import gc
import os
import resource
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dragoman import UsageError
from dragoman.connectors.files.jail import (
    MAX_DEPTH,
    Jail,
    MissingFileError,
    OversizedFileError,
    UnavailableFolderError,
    servable_name,
    split_path,
)

SECRET = "the secret outside"
LIMIT = 1000

ATTACKS = [
    "", "/", "//", ".", "..", "./", "../", "...", "....//", "./a.md", "a.md/", "a.md/.", "a.md/..", "a.md//",
    "/a.md", "//a.md", "guide//page.md", "guide/./page.md", "guide/../a.md", "guide/../../secret.md",
    "../secret.md", "../root/a.md", "../root-evil/secret.md", "../outside/secret.md",
    "../../../../../../../../etc/passwd", "/etc/passwd", "/proc/self/environ", "//etc/passwd",
    "guide/../../outside/secret.md", "guide/..", "guide", "guide/",
    "%2e%2e/secret.md", "%2e%2e%2fsecret.md", "..%2fsecret.md", "%252e%252e%252fsecret.md", "..%5csecret.md",
    "%2e%2e%5csecret.md", "%c0%ae%c0%ae/secret.md", "%00", "a%2emd",
    "..\\secret.md", "..\\..\\secret.md", "guide\\page.md", "\\a.md", "\\\\server\\share", "\\\\?\\C:\\x",
    "C:\\Windows\\win.ini", "C:/Windows/win.ini", "C:a.md", "file:///etc/passwd", "files://root/a.md", "~", "~/x",
    "~root/.bashrc", "$HOME/x", "a.md::$DATA", "a.md:stream", "NUL", "con.md",
    "a.md\x00", "\x00a.md", "a.md\x00.png", "../secret.md\x00a.md", "a.md\n", "\ra.md", "a\x1b[2J.md", "a.md\x7f",
    "a.md\x85", "a.md\u2028", "\u202ea.md", "\u2066a.md", "\U000e0061a.md",
    "\ud800", "\udcff", "a\udc80.md", "．．/secret.md", "‥/secret.md", "․․/secret.md", "．．／secret.md",
    "..∕secret.md", "..⁄secret.md", "\u200b.env", "\u200c.git/config", "\ufeff.env", ".\u200denv", "\u00ad.env",
    ".env", ".git/config", ".git", ".git/", "guide/.hidden.md", "guide/.private/page.md",
    "link.md", "relative.md", "within.md", "door", "door/secret.md", "guide/up/a.md", "guide/up/../a.md", "loop",
    "loop/a.md", "self/etc/passwd", "a.md/a.md", "a.md/../a.md",
    "hard.md", "pipe", "socket", "pipe/a.md", "missing.md", "missing/a.md",
    "a" * 256, "a" * 5000, "é" * 200, "a/" * 5000 + "a.md", "a/" * 100 + "a.md", " a.md", "a.md ", "A.MD\t",
]  # fmt: skip

FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
MODES = pytest.mark.parametrize("descriptors", [True, False], ids=["descriptors", "checked"])


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def jailed(root: Path, *, descriptors: bool = True, hard_links: bool = False) -> Iterator[Jail]:
    jail = Jail(root, max_bytes=LIMIT, descriptors=descriptors, hard_links=hard_links)
    try:
        yield jail
    finally:
        jail.close()


def text_of(jail: Jail, path: str) -> str:
    return jail.read(path).data.decode()


def test_the_table_is_long_and_has_no_doubles() -> None:
    assert len(set(ATTACKS)) == len(ATTACKS) >= 60


@MODES
@pytest.mark.parametrize("path", ATTACKS, ids=ascii)
def test_attack(folder: Path, path: str, descriptors: bool) -> None:
    with jailed(folder, descriptors=descriptors) as jail, pytest.raises(MissingFileError) as caught:
        jail.read(path)
    assert str(caught.value) == "no such file"


@MODES
def test_forbidden_and_missing_read_alike(folder: Path, descriptors: bool) -> None:
    with jailed(folder, descriptors=descriptors) as jail:
        said = set()
        for path in ("missing.md", ".env", "link.md", "door/secret.md", "pipe", "hard.md", "../secret.md", "guide"):
            with pytest.raises(MissingFileError) as caught:
                jail.read(path)
            said.add((type(caught.value), str(caught.value)))
    assert len(said) == 1


@MODES
def test_what_is_listed_can_be_read_and_nothing_else_is_listed(folder: Path, descriptors: bool) -> None:
    with jailed(folder, descriptors=descriptors) as jail:
        listed = list(jail.walk(most=100))
        assert [file.path for file in listed] == ["a.md", "na me %2e.md", "guide/page.md"]
        for file in listed:
            content = jail.read(file.path)
            assert b"inside" in content.data
            assert content.signature == file.signature


@MODES
def test_names_are_taken_literally(folder: Path, descriptors: bool) -> None:
    (folder / "%2e%2e").mkdir()
    (folder / "%2e%2e" / "secret.md").write_text("inside, literally")
    with jailed(folder, descriptors=descriptors) as jail:
        assert text_of(jail, "na me %2e.md") == "inside, oddly named\n"
        assert text_of(jail, "%2e%2e/secret.md") == "inside, literally"


@MODES
def test_hard_links_are_served_when_they_are_trusted(folder: Path, descriptors: bool) -> None:
    with jailed(folder, descriptors=descriptors, hard_links=True) as jail:
        assert text_of(jail, "hard.md") == SECRET
        assert "hard.md" in {file.path for file in jail.walk(most=100)}
        with pytest.raises(MissingFileError):
            jail.read("link.md")


@MODES
def test_a_pipe_never_blocks(folder: Path, descriptors: bool) -> None:
    with jailed(folder, descriptors=descriptors) as jail:
        reading = threading.Thread(target=lambda: [_missing(jail, "pipe") for _ in range(100)], daemon=True)
        reading.start()
        reading.join(10)
        assert not reading.is_alive()


def _missing(jail: Jail, path: str) -> bool:
    try:
        jail.read(path)
    except MissingFileError:
        return True
    return False


@MODES
def test_names_are_found_in_either_normal_form(folder: Path, descriptors: bool) -> None:
    composed, decomposed = unicodedata.normalize("NFC", "résumé.md"), unicodedata.normalize("NFD", "über.md")
    (folder / composed).write_text("one")
    (folder / decomposed).write_text("two")
    with jailed(folder, descriptors=descriptors) as jail:
        listed = {file.path for file in jail.walk(most=100)}
        assert {composed, decomposed} <= listed
        for form in FORMS:
            assert text_of(jail, unicodedata.normalize(form, composed)) == "one"
            assert text_of(jail, unicodedata.normalize(form, decomposed)) == "two"


def test_a_name_that_exists_in_both_forms_is_taken_exactly(folder: Path) -> None:
    for form in FORMS:
        (folder / unicodedata.normalize(form, "é.md")).write_text(form)
    with jailed(folder) as jail:
        for form in FORMS:
            assert text_of(jail, unicodedata.normalize(form, "é.md")) == form


@MODES
def test_names_that_are_no_utf_8_are_left_out(folder: Path, descriptors: bool) -> None:
    bad = os.fsencode(folder) + b"/bad\xff.md"
    with open(bad, "wb") as file:  # noqa: PTH123 (a path of bytes)
        file.write(b"x")
    with jailed(folder, descriptors=descriptors) as jail:
        assert all("bad" not in file.path for file in jail.walk(most=100))
        with pytest.raises(MissingFileError):
            jail.read(os.fsdecode(b"bad\xff.md"))


@MODES
def test_sizes(folder: Path, descriptors: bool) -> None:
    (folder / "fits.md").write_bytes(b"x" * LIMIT)
    (folder / "large.md").write_bytes(b"x" * (LIMIT + 1))
    (folder / "none.md").write_bytes(b"")
    with jailed(folder, descriptors=descriptors) as jail:
        assert len(jail.read("fits.md").data) == LIMIT
        assert jail.read("none.md").data == b""
        with pytest.raises(OversizedFileError, match="1,001 bytes; the limit is 1,000 bytes") as caught:
            jail.read("large.md")
        assert (caught.value.size, caught.value.limit) == (LIMIT + 1, LIMIT)


def test_a_size_that_the_system_does_not_know_is_counted_while_reading() -> None:
    # Files of /proc say that they have 0 bytes.
    jail = Jail("/proc/self", max_bytes=10)
    try:
        with pytest.raises(OversizedFileError):
            jail.read("status")
    finally:
        jail.close()


@MODES
def test_a_walk_ends_at_its_limit_and_on_request(folder: Path, descriptors: bool) -> None:
    with jailed(folder, descriptors=descriptors) as jail:
        assert len(list(jail.walk(most=1))) == 1
        assert list(jail.walk(most=0)) == []
        assert list(jail.walk(most=100, stopped=lambda: True)) == []


@MODES
def test_depth_is_bounded(tmp_path: Path, descriptors: bool) -> None:
    deep = tmp_path
    for _ in range(MAX_DEPTH):
        deep = deep / "d"
        deep.mkdir()
        (deep / "f.md").write_text("x")
    with jailed(tmp_path, descriptors=descriptors) as jail:
        paths = [file.path for file in jail.walk(most=1000)]
        assert len(paths) == MAX_DEPTH - 1
        for path in paths:
            assert text_of(jail, path) == "x"
        with pytest.raises(MissingFileError):
            jail.read("d/" * MAX_DEPTH + "f.md")


@MODES
def test_the_root_may_be_a_link(folder: Path, tmp_path: Path, descriptors: bool) -> None:
    (tmp_path / "way-in").symlink_to(folder, target_is_directory=True)
    with jailed(tmp_path / "way-in", descriptors=descriptors) as jail:
        assert "inside a" in text_of(jail, "a.md")
        (tmp_path / "way-in").unlink()
        (tmp_path / "way-in").symlink_to(tmp_path / "outside", target_is_directory=True)
        assert "inside a" in text_of(jail, "a.md")
        assert _missing(jail, "secret.md")


@MODES
def test_a_root_that_goes_is_said(folder: Path, tmp_path: Path, descriptors: bool) -> None:
    with jailed(folder, descriptors=descriptors) as jail:
        folder.rename(tmp_path / "elsewhere")
        with pytest.raises(UnavailableFolderError, match="it is gone"):
            jail.read("a.md")
        with pytest.raises(UnavailableFolderError, match="it is gone"):
            list(jail.walk(most=10))
        folder.mkdir()
        (folder / "a.md").write_text(SECRET)
        with pytest.raises(UnavailableFolderError, match="replaced"):
            jail.read("a.md")
        folder.joinpath("a.md").unlink()
        folder.rmdir()
        folder.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
        with pytest.raises(UnavailableFolderError, match="replaced"):
            jail.check()
        folder.unlink()
        (tmp_path / "elsewhere").rename(folder)
        assert "inside a" in text_of(jail, "a.md")


@pytest.mark.parametrize("wrong", ["missing", "a.md", "loop", "nul\x00"])
@MODES
def test_a_root_that_cannot_be_served_is_said(folder: Path, wrong: str, descriptors: bool) -> None:
    with pytest.raises(UsageError, match=r"cannot be served: .*; name a readable folder"):
        Jail(f"{folder}/{wrong}", max_bytes=LIMIT, descriptors=descriptors)


def test_folders_that_vanish_during_a_walk_are_passed_over(folder: Path) -> None:
    for name in ("b", "c", "d"):
        (folder / name).mkdir()
        (folder / name / "x.md").write_text("x")
    with jailed(folder) as jail:
        walk = jail.walk(most=100)
        assert next(walk).path == "a.md"
        (folder / "c" / "x.md").unlink()
        (folder / "c").rmdir()
        (folder / "d").rename(folder / "e")
        assert [file.path for file in walk] == ["na me %2e.md", "b/x.md", "guide/page.md"]


def test_a_closed_jail_says_so(folder: Path) -> None:
    jail = Jail(folder, max_bytes=LIMIT)
    jail.close()
    jail.close()
    with pytest.raises(UnavailableFolderError):
        jail.read("a.md")


def test_descriptors_never_leak(folder: Path) -> None:
    before = open_descriptors()
    jail = Jail(folder, max_bytes=LIMIT)
    assert open_descriptors() == before + 1
    (folder / "large.md").write_bytes(b"x" * (LIMIT + 1))
    for path in [*ATTACKS, "a.md", "guide/page.md", "large.md"]:
        with suppress(MissingFileError, OversizedFileError):
            jail.read(path)
    for _ in range(10):
        next(jail.walk(most=100))
        list(jail.walk(most=100))
    assert open_descriptors() == before + 1
    del jail
    gc.collect()
    assert open_descriptors() == before


@MODES
def test_no_descriptors_left_is_no_missing_file(folder: Path, descriptors: bool) -> None:
    with jailed(folder, descriptors=descriptors) as jail:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.open("/", os.O_RDONLY)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            with pytest.raises(UnavailableFolderError, match="Too many open files"):
                jail.read("guide/page.md")
            with pytest.raises(UnavailableFolderError, match="Too many open files"):
                list(jail.walk(most=100))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert "inside page" in text_of(jail, "guide/page.md")


def _swap_file(root: Path, outside: Path) -> None:
    """The page becomes a link to the secret, and a page again."""
    spare = root / "guide" / "spare.md"
    spare.symlink_to(outside / "page.md")
    spare.replace(root / "guide" / "page.md")
    spare.write_text("inside page")
    spare.replace(root / "guide" / "page.md")


def _swap_folder(root: Path, outside: Path) -> None:
    """The folder becomes a link to a folder with a secret page, and a folder again."""
    (root / "guide").rename(root / "spare")
    (root / "guide").symlink_to(outside, target_is_directory=True)
    (root / "guide").unlink()
    (root / "spare").rename(root / "guide")


def _swap_pipe(root: Path, outside: Path) -> None:
    """The page becomes a pipe that nobody writes, and a page again."""
    spare = root / "guide" / "spare.md"
    os.mkfifo(spare)
    spare.replace(root / "guide" / "page.md")
    spare.write_text("inside page")
    spare.replace(root / "guide" / "page.md")


@contextmanager
def swapping(swap: Callable[[Path, Path], None], root: Path, outside: Path) -> Iterator[None]:
    (outside / "page.md").write_text(SECRET)
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            swap(root, outside)

    swapper = threading.Thread(target=run)
    swapper.start()
    try:
        yield
    finally:
        over.set()
        swapper.join()


@pytest.mark.parametrize("swap", [_swap_file, _swap_folder, _swap_pipe])
def test_a_race_never_shows_the_secret(folder: Path, tmp_path: Path, swap: Callable[[Path, Path], None]) -> None:
    seen: set[str] = set()
    before = open_descriptors()
    with jailed(folder) as jail, swapping(swap, folder, tmp_path / "outside"):
        for turn in range(100_000):
            if turn >= 5000 and {"inside page", "missing"} <= seen:
                break
            try:
                seen.add(text_of(jail, "guide/page.md").strip().removeprefix("# Page\n\n"))
            except MissingFileError:
                seen.add("missing")
    assert seen <= {"inside page", "missing", ""}
    assert "inside page" in seen, "the race was never won by the reader: nothing was tested"
    assert "missing" in seen, "the race was never won by the swapper: nothing was tested"
    assert open_descriptors() == before


def test_a_race_never_leads_a_walk_outside(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside" / "only-outside.md").write_text(SECRET)
    seen = set()
    with jailed(folder) as jail, swapping(_swap_folder, folder, tmp_path / "outside"):
        for _ in range(1000):
            seen |= {file.path for file in jail.walk(most=100)}
    assert seen & {"guide/page.md", "spare/page.md"}
    assert not [path for path in seen if "outside" in path or "secret" in path]


@pytest.mark.parametrize(
    ("name", "windows", "anywhere"),
    [
        ("a.md", True, True),
        ("notes 12:30.md", False, True),
        ("a.md::$DATA", False, True),
        ("C:", False, True),
        ("NUL", False, True),
        ("nul.md", False, True),
        ("Com1.tar.gz", False, True),
        ("COM¹", False, True),
        ("aux .md", False, True),
        ("GIT~1", False, True),
        ("a.md.", False, True),
        ("a.md ", False, True),
        ("what?.md", False, True),
        ("console.md", True, True),
        ("😀.md", True, True),
        ("👩\u200d🔬.md", True, True),
        ("a\\b", False, False),
        ("a/b", False, False),
        ("", False, False),
        ("..", False, False),
        (".a", False, False),
        ("\u200d.a", False, False),
        ("a\tb", False, False),
        ("\ud800", False, False),
        ("x" * 255, True, True),
        ("x" * 256, False, False),
        ("é" * 128, False, False),
    ],
)
def test_names(name: str, windows: bool, anywhere: bool) -> None:
    assert servable_name(name, windows=True) is windows
    assert servable_name(name, windows=False) is anywhere


def test_paths_are_bounded_in_bytes() -> None:
    assert len(split_path("/".join(["é" * 100] * 20), windows=False)) == 20
    with pytest.raises(MissingFileError):
        split_path("/".join(["é" * 100] * 21), windows=False)


PIECES = st.one_of(
    st.sampled_from(["..", ".", "", "guide", "page.md", "a.md", "door", "link.md", ".env", "hard.md", "up", "%2e%2e"]),
    st.text(max_size=4),
)
PATHS = st.one_of(st.lists(PIECES, max_size=6).map("/".join), st.text(max_size=30), st.sampled_from(ATTACKS))


@MODES
@given(path=PATHS)
@example(path="guide/page.md")
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_path_is_missing_or_inside(folder: Path, path: str, descriptors: bool) -> None:
    with jailed(folder, descriptors=descriptors) as jail:
        try:
            data = jail.read(path).data
        except MissingFileError:
            return
        real = Path(os.path.realpath(folder / path))
        assert real.is_relative_to(folder)
        assert b"inside" in data
        assert SECRET.encode() not in data


@given(path=st.text(alphabet=st.characters(codec=None), max_size=60), windows=st.booleans())
def test_split_paths_join_to_themselves(path: str, windows: bool) -> None:
    try:
        names = split_path(path, windows=windows)
    except MissingFileError:
        return
    assert "/".join(names) == path
    assert not [name for name in names if name in {"", ".", ".."} or name.startswith(".") or "\\" in name]
    path.encode()
