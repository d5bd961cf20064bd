"""API keys: a good one says who calls; every other is refused alike."""

import statistics
import time
from pathlib import Path

import pytest
from msgspec import structs

from dragoman.auth.credentials import Refused
from dragoman.auth.keys import ApiKeys, make_key, rotate_key
from dragoman.store.keys import SqliteKeys


@pytest.fixture
def store(tmp_path: Path) -> SqliteKeys:
    return SqliteKeys(tmp_path / "keys.sqlite3")


async def test_a_key_says_who_calls(store: SqliteKeys) -> None:
    text, record = make_key(
        store, "anna", roles=("support",), scopes=("read",), claims={"employee_id": 3}, tenant="north"
    )
    keys = ApiKeys(store)
    assert keys.is_mine(text)
    known = await keys.check(text)
    principal = known.principal
    assert (principal.subject, principal.issuer, principal.client) == ("anna", "api-key", record.key_id)
    assert (principal.tenant, principal.roles, principal.scopes) == ("north", ("support",), ("read",))
    assert principal.attributes()["employee_id"] == 3
    assert 0 < known.until - time.monotonic() <= 1
    await keys.close()


def test_a_key_is_nowhere_at_rest(store: SqliteKeys, tmp_path: Path) -> None:
    text, _ = make_key(store, "anna")
    store.close()
    secret = text.rpartition("_")[2].encode()
    assert all(secret not in file.read_bytes() for file in tmp_path.iterdir())


async def test_keys_that_are_refused(store: SqliteKeys) -> None:
    text, record = make_key(store, "anna")
    late, _ = make_key(store, "ben", seconds=-1)
    keys = ApiKeys(store)
    changed = text[:-1] + ("A" if text[-1] != "A" else "B")
    other = text.replace(record.key_id, "a" * 12)
    for wrong in (changed, other, late, "drg_", text + "x", "drg_" + "a" * 5000, "drg_ä"):
        with pytest.raises(Refused) as told:
            await keys.check(wrong)
        assert len(wrong) < 10 or wrong[-20:] not in str(told.value)
    store.save(structs.replace(record, revoked=time.time()))
    with pytest.raises(Refused, match="revoked"):
        await keys.check(text)
    await keys.close()


async def test_a_rotated_key_is_good_for_a_while(store: SqliteKeys) -> None:
    old, record = make_key(store, "anna", roles=("support",), claims={"region": "EU"})
    new, fresh = rotate_key(store, record, overlap=60)
    keys = ApiKeys(store)
    assert (await keys.check(old)).principal.roles == (await keys.check(new)).principal.roles == ("support",)
    kept = store.load(record.key_id)
    assert kept is not None
    assert kept.expires == pytest.approx(time.time() + 60, abs=5)
    assert fresh.expires is None
    newest, _ = rotate_key(store, fresh, overlap=0)
    with pytest.raises(Refused, match="expired"):
        await keys.check(new)
    await keys.check(newest)
    await keys.close()


async def test_when_a_key_was_used_is_kept(store: SqliteKeys) -> None:
    text, record = make_key(store, "anna")
    keys = ApiKeys(store)
    await keys.check(text)
    await keys.close()
    ((kept, at),) = store.every()
    assert kept == record
    assert at == pytest.approx(time.time(), abs=5)
    store.close()


async def test_how_long_a_wrong_key_takes_says_nothing_of_the_right_one(store: SqliteKeys) -> None:
    """A secret that is right but for its last letter takes as long as one that is wrong from the first."""
    text, _ = make_key(store, "anna")
    keys = ApiKeys(store)
    head, secret = text[:17], text[17:]
    other = {letter: "A" if letter != "A" else "B" for letter in (secret[0], secret[-1])}
    wrong = [head + other[secret[0]] + secret[1:], head + secret[:-1] + other[secret[-1]]]
    times: list[list[int]] = [[], []]
    for turn in range(3000):
        which = turn % 2
        begun = time.process_time_ns()
        with pytest.raises(Refused):
            await keys.check(wrong[which])
        times[which].append(time.process_time_ns() - begun)
    first, last = (statistics.median(each) for each in times)
    assert 0.8 < first / last < 1.25
    await keys.close()
