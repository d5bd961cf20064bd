import json
from pathlib import Path

import pytest

from dragoman.cli.main import main
from tests.cli.conftest import Run
from tests.cli.test_serve import free_port, meanwhile


def test_it_is_made_where_one_stands_and_kept(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run("demo", "--no-serve")
    assert (status, err) == (0, "")
    assert f"The demo is in {tmp_path / 'demo'}, made just now." in out
    assert "dragoman serve demo/shop.db demo/handbook" in out
    made = (tmp_path / "demo" / "shop.db").stat()
    assert f"The demo is in {tmp_path / 'demo'}.\n" in run("demo", "--no-serve")[1]
    assert (tmp_path / "demo" / "shop.db").stat() == made


def test_an_older_one_is_set_aside(run: Run, tmp_path: Path) -> None:
    run("demo", "--no-serve", "--folder", tmp_path / "d")
    (tmp_path / "d" / ".dragoman-demo").write_text("0123456789\n", encoding="ascii")
    _, out, _ = run("demo", "--no-serve", "--folder", tmp_path / "d")
    assert f"The one that was there, of another version, is now {tmp_path / 'd-old-01234567'}." in out


def test_it_is_served_with_things_to_try(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"

    def work() -> list[int]:
        return [
            main(["call", url, "shop_query", "sql=select * from monthly_revenue order by month desc limit 1"]),
            main(["call", url, "handbook_search", "query=who may approve a refund of 120 euros", "--output", "json"]),
        ]

    with meanwhile(port, work) as results:
        assert main(["demo", "--folder", str(tmp_path / "demo"), "--port", str(port)]) == 0
    out, err = capsys.readouterr()
    assert results == [[0, 0]]
    assert "Traceback" not in err
    assert f"dragoman call {url} shop_query sql=" in out
    assert "2026-10" in out
    found = json.JSONDecoder().raw_decode(out, out.index('{\n  "content"'))[0]
    assert found["structuredContent"]["files"][0]["path"] == "customers/refunds.md"


def test_somebody_else_s_folder_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    status, _, err = run("demo", "--no-serve", "--folder", tmp_path)
    assert status == 2
    assert "holds files that are not the demo's" in err
