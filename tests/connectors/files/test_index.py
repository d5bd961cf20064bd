"""The index of a folder: what is found, in which order, and how it follows the disk."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.connectors.files.index import FolderIndex, SearchStoppedError
from dragoman.connectors.files.jail import Jail, UnavailableFolderError

LIMIT = 100_000


@pytest.fixture
def index(tmp_path: Path) -> Iterator[FolderIndex]:
    """An index of the empty folder `root`, not refreshed yet."""
    (tmp_path / "root").mkdir()
    jail = Jail(tmp_path / "root", max_bytes=LIMIT)
    made = FolderIndex(jail, max_files=100, max_bytes=10 * LIMIT)
    yield made
    made.close()
    jail.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that `index` is of."""
    return tmp_path / "root"


def paths(index: FolderIndex, question: str, limit: int = 10) -> list[str]:
    return [found.path for found in index.search(question, limit=limit, seconds=5).files]


@pytest.fixture(scope="session")
def handbook(shared_data: Path) -> Iterator[FolderIndex]:
    """Real documentation, indexed once."""
    jail = Jail(shared_data / "handbook", max_bytes=10 * 2**20)
    made = FolderIndex(jail, max_files=1000, max_bytes=2**28)
    made.refresh()
    yield made
    made.close()
    jail.close()


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("tampered request state", "specification/basic/patterns/mrtr.md"),
        ("multi round-trip requests", "specification/basic/patterns/mrtr.md"),
        ("requestState", "specification/basic/patterns/mrtr.md"),
        ("client id metadata document security", "specification/basic/authorization/security-considerations.md"),
        ("elicitation form schema", "specification/client/elicitation.md"),
        ("cancellation flow", "specification/basic/patterns/cancellation.md"),
        ("progress behavior requirements", "specification/basic/patterns/progress.md"),
        ("confused deputy", "guide/tutorials/security/security_best_practices.md"),
        ("pagination flow", "specification/server/utilities/pagination.md"),
        ("deprecated features", "specification/deprecated.md"),
    ],
)
def test_real_documentation(handbook: FolderIndex, question: str, first: str) -> None:
    assert paths(handbook, question, limit=3)[0] == first


def test_hits_point_at_their_line(handbook: FolderIndex, shared_data: Path) -> None:
    for found in handbook.search("tampered request state", limit=10, seconds=5).files:
        lines = (shared_data / "handbook" / found.path).read_text().split("\n")
        words = [word for word in ("tamper", "request", "state") if word in lines[found.snippet.line - 1].lower()]
        assert words, f"{found.path}:{found.snippet.line} has none of the words"


def test_titles_and_headings_weigh_more(index: FolderIndex, root: Path) -> None:
    (root / "mention.md").write_text("# Other\n\n" + "Something about backups in passing. " * 3)
    (root / "topic.md").write_text("# Backups\n\nHow to make them and how to keep them.")
    index.refresh()
    assert paths(index, "backups") == ["topic.md", "mention.md"]


def test_all_words_come_before_some_words(index: FolderIndex, root: Path) -> None:
    (root / "some.md").write_text("# Rotation\n\nrotation rotation rotation " * 10)
    (root / "all.md").write_text("# Notes\n\n" + "filler " * 200 + "key rotation")
    index.refresh()
    findings = index.search("key rotation", limit=10, seconds=5)
    assert [found.path for found in findings.files] == ["all.md", "some.md"]
    assert findings.partial
    assert not index.search("key rotation", limit=1, seconds=5).partial


def test_rare_words_count_more_where_some_are_missing(index: FolderIndex, root: Path) -> None:
    for number in range(20):
        (root / f"common{number}.md").write_text("common word here")
    (root / "rare.md").write_text("a zeppelin")
    index.refresh()
    assert paths(index, "common zeppelin", limit=3)[0] == "rare.md"


def test_word_forms_beginnings_and_names(index: FolderIndex, root: Path) -> None:
    (root / "a.md").write_text("Tampering with `requestState` and with HTTPServer in GitHub. Crème brûlée. Straße.")
    index.refresh()
    for question in (
        "tampered", "tamper", "requestState", "request state", '"request state"', "requeststate", "http server",
        "github", "git hub", "GITHUB", "brulee", "crème", "stra", "requ",
    ):  # fmt: skip
        assert paths(index, question) == ["a.md"], question
    assert index.search("xylophone", limit=10, seconds=5) == ([], ["xylophone"], False, False)
    assert index.search("tampered xylophone", limit=10, seconds=5)[1:] == (["xylophone"], True, False)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("请求状态被篡改了，必须拒绝。", "篡改"),
        ("请求状态被篡改了，必须拒绝。", "拒"),
        ("請求狀態", "求狀"),
        ("こんにちは世界、テストです", "世界"),
        ("リクエストの状態", "クエスト"),
        ("안녕하세요 요청상태를", "상태"),
        ("การร้องขอถูกปฏิเสธ", "ปฏิเสธ"),
        ("запросы и состояния", "состояния"),
        ("Ωμέγα αίτημα", "ΑΊΤΗΜΑ"),
        ("cafe\u0301 au lait", "café"),
        ("हिन्दी में अनुरोध", "अनुरोध"),
        ("طلب الحالة", "الحالة"),
    ],
)
def test_other_scripts(index: FolderIndex, root: Path, text: str, question: str) -> None:
    (root / "there.md").write_text(f"# x\n\n{text}\n")
    (root / "not-there.md").write_text("# x\n\nother text 文字\n")
    index.refresh()
    found = index.search(question, limit=10, seconds=5).files
    assert [one.path for one in found] == ["there.md"]
    assert found[0].snippet.line == 3
    assert "\x1f" not in found[0].snippet.text


def test_a_file_is_found_by_its_name(index: FolderIndex, root: Path) -> None:
    (root / "invoice-2024.md").write_text("")
    (root / "guide").mkdir()
    (root / "guide" / "other.md").write_text("text")
    index.refresh()
    assert paths(index, "invoice 2024") == ["invoice-2024.md"]
    assert paths(index, "guide") == ["guide/other.md"]
    assert index.files()["invoice-2024.md"].title == "invoice-2024.md"


def test_one_file_is_listed_once_with_its_other_places(index: FolderIndex, root: Path) -> None:
    (root / "a.md").write_text("\n".join(f"# Part {number}\n\nabout whales\n" for number in range(10)))
    index.refresh()
    (found,) = index.search("whales", limit=10, seconds=5).files
    assert found.heading == "Part 0"
    assert [place.heading for place in found.more] == ["Part 1", "Part 2", "Part 3"]
    assert [place.line for place in found.more] == [5, 9, 13]


def test_many_words_are_cut(index: FolderIndex, root: Path) -> None:
    (root / "a.md").write_text("word1 word2")
    index.refresh()
    findings = index.search(" ".join(f"word{number}" for number in range(100)), limit=1, seconds=5)
    assert findings.cut
    assert [found.path for found in findings.files] == ["a.md"]


def test_the_disk_is_followed(index: FolderIndex, root: Path) -> None:
    index.refresh()
    assert paths(index, "whales") == []
    (root / "a.md").write_text("# About whales")
    index.refresh()
    assert paths(index, "whales") == ["a.md"]
    (root / "a.md").write_text("# About dolphins")
    index.refresh()
    assert (paths(index, "whales"), paths(index, "dolphins")) == ([], ["a.md"])
    (root / "a.md").rename(root / "b.md")
    index.refresh()
    assert paths(index, "dolphins") == ["b.md"]
    (root / "b.md").unlink()
    index.refresh()
    assert paths(index, "dolphins") == []
    assert index.files() == {}


def test_a_change_within_one_tick_and_of_one_size_is_noticed(index: FolderIndex, root: Path) -> None:
    for word in ("whale", "shark", "squid"):
        (root / "a.md").write_text(word)
        os.utime(root / "a.md", ns=(time.time_ns(), time.time_ns()))
        index.refresh()
        assert paths(index, word) == ["a.md"]


def test_settled_files_are_read_once(index: FolderIndex, root: Path) -> None:
    (root / "a.md").write_text("text")
    time.sleep(0.15)
    index.refresh()
    first = index.files()["a.md"]
    index.refresh()
    assert index.files()["a.md"] is first
    assert first.signature is not None


def test_what_cannot_be_read_is_counted(index: FolderIndex, root: Path) -> None:
    (root / "binary.md").write_bytes(b"\x00\x01\x02")
    (root / "large.md").write_bytes(b"x" * (LIMIT + 1))
    (root / "text.md").write_text("text")
    index.refresh()
    index.refresh()
    assert list(index.files()) == ["text.md"]
    assert index.left_out() == {"not text": 1, "too large": 1}
    (root / "binary.md").write_text("text now")
    index.refresh()
    assert list(index.files()) == ["binary.md", "text.md"]
    assert index.left_out() == {"too large": 1}


def test_the_index_is_bounded(root: Path, index: FolderIndex) -> None:
    jail = Jail(root, max_bytes=LIMIT)
    small = FolderIndex(jail, max_files=3, max_bytes=100)
    try:
        for number in range(5):
            (root / f"{number}.md").write_text("x" * 60)
        time.sleep(0.15)
        small.refresh()
        assert (list(small.files()), small.left_out()) == (["0.md"], {"beyond the size of the index": 2})
        (root / "0.md").unlink()
        small.refresh()
        assert (list(small.files()), small.left_out()) == (["1.md"], {"beyond the size of the index": 2})
    finally:
        small.close()
        jail.close()


def test_room_is_given_back(root: Path, index: FolderIndex) -> None:
    jail = Jail(root, max_bytes=LIMIT)
    small = FolderIndex(jail, max_files=10, max_bytes=100)
    try:
        for number in range(5):
            (root / "a.md").write_text(f"number{number} " * 8)
            small.refresh()
            assert paths(small, f"number{number}") == ["a.md"]
    finally:
        small.close()
        jail.close()


def test_links_dot_files_and_secrets_never_enter(folder: Path) -> None:
    jail = Jail(folder, max_bytes=LIMIT)
    index = FolderIndex(jail, max_files=100, max_bytes=LIMIT)
    try:
        index.refresh()
        assert list(index.files()) == ["a.md", "guide/page.md", "na me %2e.md"]
        assert paths(index, "secret outside") == []
    finally:
        index.close()
        jail.close()


def test_encodings_are_kept(index: FolderIndex, root: Path) -> None:
    (root / "old.txt").write_bytes("Größe und Maß der Straße".encode("cp1252"))
    (root / "wide.txt").write_bytes("Größe".encode("utf-16"))
    index.refresh()
    assert {path: file.encoding for path, file in index.files().items()} == {
        "old.txt": "Windows-1252 (detected)",
        "wide.txt": "UTF-16 LE",
    }
    assert set(paths(index, "größe")) == {"old.txt", "wide.txt"}


def test_a_place_in_a_very_long_line_has_a_column(index: FolderIndex, root: Path) -> None:
    (root / "long.md").write_text("first\n" + "filler " * 2000 + "needle" + " filler" * 2000)
    index.refresh()
    (found,) = index.search("needle", limit=1, seconds=5).files
    line = (root / "long.md").read_text().split("\n")[found.snippet.line - 1]
    assert found.snippet.line == 2
    assert line[found.snippet.column - 1 :].startswith("needle")


def test_a_refresh_that_is_stopped_goes_on_later(index: FolderIndex, root: Path) -> None:
    for number in range(10):
        (root / f"{number}.md").write_text("whales")
    asked: list[int] = []

    def stop_after(count: int) -> bool:
        asked.append(1)
        return len(asked) > count

    index.refresh(lambda: stop_after(0))
    assert (len(index.files()), index.complete) == (0, False)
    asked.clear()
    index.refresh(lambda: stop_after(5))
    assert 0 < len(index.files()) < 10
    assert not index.complete
    index.refresh()
    assert len(index.files()) == 10
    assert index.complete


def test_a_folder_that_goes_leaves_the_index(index: FolderIndex, root: Path) -> None:
    (root / "a.md").write_text("whales")
    index.refresh()
    root.rename(root.with_name("away"))
    with pytest.raises(UnavailableFolderError):
        index.refresh()
    assert paths(index, "whales") == ["a.md"]
    root.with_name("away").rename(root)
    (root / "b.md").write_text("whales")
    index.refresh()
    assert set(paths(index, "whales")) == {"a.md", "b.md"}


def test_a_file_that_becomes_a_link_leaves_the_index(index: FolderIndex, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("the secret outside")
    (root / "a.md").write_text("whales")
    index.refresh()
    (root / "a.md").unlink()
    (root / "a.md").symlink_to(tmp_path / "secret.md")
    index.refresh()
    assert paths(index, "whales") == paths(index, "secret") == []


def test_a_search_can_be_stopped(index: FolderIndex, root: Path) -> None:
    for number in range(50):
        (root / f"{number}.md").write_text("\n".join(f"# h{line}\nwhales and words\n" for line in range(200)))
    index.refresh()
    with pytest.raises(SearchStoppedError, match="before it began"):
        index.search("whales", limit=10, seconds=5, stopped=lambda: True)
    asked: list[int] = []

    def stop_later() -> bool:
        asked.append(1)
        return len(asked) > 1

    with pytest.raises(SearchStoppedError, match="too long"):
        index.search("whales words", limit=10, seconds=60, stopped=stop_later)
    with pytest.raises(SearchStoppedError):
        index.search("whales words", limit=10, seconds=0)
    assert len(paths(index, "whales")) == 10


def test_searches_and_refreshes_run_beside_each_other(index: FolderIndex, root: Path) -> None:
    (root / "steady.md").write_text("whales")
    index.refresh()
    failures: list[BaseException] = []

    def search() -> None:
        try:
            for _ in range(100):
                assert "steady.md" in paths(index, "whales")
        except BaseException as error:  # noqa: BLE001 (told to the test below)
            failures.append(error)

    searching = [threading.Thread(target=search) for _ in range(3)]
    for thread in searching:
        thread.start()
    for number in range(30):
        (root / f"{number % 7}.md").write_text(f"whales {number}")
        index.refresh()
    for thread in searching:
        thread.join()
    assert not failures


@given(question=st.text(max_size=60))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_question_has_an_answer(handbook: FolderIndex, question: str) -> None:
    for found in handbook.search(question, limit=3, seconds=5).files:
        found.snippet.text.encode()
        assert "\n" not in found.snippet.text
