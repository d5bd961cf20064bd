"""`dragoman keys`: a key is shown once, listed without its secret, replaced and taken back."""

import json
from pathlib import Path
from typing import Any

import pytest

from dragoman.auth.credentials import Refused
from dragoman.auth.keys import ApiKeys
from dragoman.cli.main import main
from dragoman.store.keys import SqliteKeys


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "keys.sqlite3")


def keys(store: str, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["keys", *words, "--store", store, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


async def test_a_key_is_made_for_a_caller(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = keys(store, capsys, "add", "--for", "bot", "--role", "support", "--role", "reader", "--scope", "read",
                "--claim", "employee_id=3", "--claim", "region=EU", "--claim", "lead=true", "--expires", "90d",
                "--note", "for the help desk", "--tenant", "north")  # fmt: skip
    checked = ApiKeys(SqliteKeys(store))
    principal = (await checked.check(made["key"])).principal
    await checked.close()
    assert (principal.subject, principal.tenant, principal.roles) == ("bot", "north", ("support", "reader"))
    assert principal.claims == (("employee_id", 3), ("lead", True), ("region", "EU"))
    assert made["expires"] - made["created"] == pytest.approx(90 * 86_400)


def test_it_is_shown_once_and_listed_without_its_secret(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "add", "--for", "bot", "--role", "support", "--store", store]) == 0
    text = capsys.readouterr().out.split()[0]
    assert text.startswith("drg_")
    assert main(["keys", "list", "--store", store]) == 0
    shown = capsys.readouterr().out
    assert "support" in shown
    assert "never" in shown
    assert text.rpartition("_")[2] not in shown
    assert "digest" not in json.dumps(keys(store, capsys, "list"))


def test_an_empty_list_says_what_to_do(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "list", "--store", store]) == 0
    assert "keys add" in capsys.readouterr().out


async def test_keys_are_replaced_and_taken_back(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = keys(store, capsys, "add", "--for", "bot", "--role", "support")
    second = keys(store, capsys, "rotate", first["key_id"][:6], "--overlap", "1h")
    third = keys(store, capsys, "rotate", second["key"], "--overlap", "0s")
    assert third["roles"] == ["support"]
    checked = ApiKeys(SqliteKeys(store))
    await checked.check(first["key"])
    with pytest.raises(Refused):
        await checked.check(second["key"])
    keys(store, capsys, "revoke", third["key_id"])
    with pytest.raises(Refused):
        await checked.check(third["key"])
    keys(store, capsys, "expire", first["key_id"])
    with pytest.raises(Refused):
        await checked.check(first["key"])
    await checked.close()
    assert main(["keys", "rotate", first["key_id"], "--store", store]) == 2
    assert "no longer good" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["add"], "--for NAME"),
        (["add", "bot"], "no place after add"),
        (["add", "--for", "bot", "--expires", "soon"], "--expires 'soon'"),
        (["add", "--for", "bot", "--claim", "region"], "NAME=VALUE"),
        (["add", "--for", "bot", "--claim", "subject=root"], "known of every caller"),
        (["revoke"], "Say which key"),
        (["revoke", "zzz"], "There is no key 'zzz'"),
        (["delete", "zzz"], "invalid choice"),
    ],
)
def test_mistakes_are_told(store: str, capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    assert main(["keys", *words, "--store", store]) == 2
    assert told in capsys.readouterr().err


def test_the_beginning_of_two_ids(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(60):  # of 32 letters, two of them begin alike
        keys(store, capsys, "add", "--for", "bot")
    first = [entry["key_id"][0] for entry in keys(store, capsys, "list")]
    letter = next(letter for letter in first if first.count(letter) > 1)
    assert main(["keys", "revoke", letter, "--store", store]) == 2
    assert "write more of it" in capsys.readouterr().err
