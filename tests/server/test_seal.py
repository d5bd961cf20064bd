"""State that travels through clients unread and unchanged."""

import base64
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman import UsageError
from dragoman.server.seal import BrokenSeal, Seal

OLD, NEW = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
SEAL = Seal([NEW])
FOR = b"requestState"


@given(st.binary(max_size=2000), st.binary(max_size=20))
def test_what_was_sealed_opens(plain: bytes, purpose: bytes) -> None:
    assert SEAL.open(SEAL.seal(plain, purpose), purpose) == plain


def test_two_seals_of_the_same_differ_and_say_nothing() -> None:
    one, other = SEAL.seal(b"hunter2 hunter2", FOR), SEAL.seal(b"hunter2 hunter2", FOR)
    assert one != other
    for shown in (one, base64.urlsafe_b64decode(one + "=" * (-len(one) % 4)).decode("latin-1")):
        assert "hunter" not in shown
    assert set(one) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(max_size=200))
def test_any_other_text_does_not_open(text: str) -> None:
    with pytest.raises(BrokenSeal):
        SEAL.open(text, FOR)


@given(st.binary(max_size=100))
def test_any_other_bytes_do_not_open_even_with_our_key_id(data: bytes) -> None:
    sealed = base64.urlsafe_b64decode(SEAL.seal(b"", FOR) + "==")
    with pytest.raises(BrokenSeal):
        SEAL.open(base64.urlsafe_b64encode(sealed[:4] + data).decode(), FOR)


def test_every_changed_byte_breaks_the_seal() -> None:
    sealed = SEAL.seal(b"state", FOR)
    raw = bytearray(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
    for place in range(len(raw)):
        raw[place] ^= 1
        with pytest.raises(BrokenSeal):
            SEAL.open(base64.urlsafe_b64encode(raw).decode().rstrip("="), FOR)
        raw[place] ^= 1
    for length in range(len(sealed)):
        with pytest.raises(BrokenSeal):
            SEAL.open(sealed[:length], FOR)


def test_it_is_bound_to_its_purpose() -> None:
    with pytest.raises(BrokenSeal):
        SEAL.open(SEAL.seal(b"state", b"cursor"), FOR)


def test_who_has_the_secret_opens_it() -> None:
    sealed = SEAL.seal(b"state", FOR)
    assert Seal([NEW]).open(sealed, FOR) == b"state"
    with pytest.raises(BrokenSeal):
        Seal([OLD]).open(sealed, FOR)


def test_secrets_are_exchanged_one_after_the_other() -> None:
    old, both, new = Seal([OLD]), Seal([NEW, OLD]), Seal([NEW])
    sealed = old.seal(b"state", FOR)
    assert both.open(sealed, FOR) == b"state"
    assert new.open(both.seal(b"state", FOR), FOR) == b"state", "the first secret seals"
    with pytest.raises(BrokenSeal):
        new.open(sealed, FOR)


def test_without_a_secret_it_lasts_as_long_as_the_object() -> None:
    one, other = Seal(), Seal()
    assert not one.is_shared
    assert SEAL.is_shared
    with pytest.raises(BrokenSeal):
        other.open(one.seal(b"state", FOR), FOR)


@pytest.mark.parametrize("text", ["", "short", "x" * 31, "x" * 32, "changeme" * 4, "1234567" * 10])
def test_a_weak_secret_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UsageError, match="at least 32 characters that differ") as raised:
        Seal([NEW, text])
    assert not text or text not in str(raised.value)


SEALING = """
import logging, multiprocessing, sys
from dragoman.server.seal import Seal

def work(secrets):
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    seal = Seal(secrets)
    seal.seal(b"", b"")
    seal.seal(b"", b"")

if __name__ == "__main__":
    work([])
    for secrets in ([], ["abcdefgh" * 4]):
        process = multiprocessing.get_context("spawn").Process(target=work, args=(secrets,))
        process.start()
        process.join()
"""


def test_one_of_several_workers_without_a_secret_is_warned_once(tmp_path: Path) -> None:
    program = tmp_path / "sealing.py"
    program.write_text(SEALING, "utf-8")
    ran = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.count("one of several workers") == 1


def test_one_text_is_no_list_of_secrets() -> None:
    with pytest.raises(UsageError, match="at least 32 characters"):
        Seal(NEW)


def test_keys_for_other_purposes_follow_the_newest_secret() -> None:
    assert Seal([NEW, OLD]).derive(b"a") == Seal([NEW]).derive(b"a")
    assert len({Seal([NEW]).derive(b"a"), Seal([NEW]).derive(b"b"), Seal([OLD]).derive(b"a"), Seal().derive(b"a")}) == 4


def test_a_kept_secret_makes_the_other_keys_and_seals_nothing() -> None:
    seals = [Seal(), Seal(), Seal([NEW])]
    asked = []

    def kept() -> str:
        asked.append(1)
        return OLD

    for seal in seals:
        seal.keep(kept)
    assert asked == []
    keys = {seal.derive(b"a") for seal in seals}
    assert keys == {Seal([OLD]).derive(b"a")}
    for opener in (seals[1], Seal([OLD])):
        with pytest.raises(BrokenSeal):
            opener.open(seals[0].seal(b"x", FOR), FOR)
