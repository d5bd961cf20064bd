"""Secrets: nothing shows them, and they are masked in whatever form a text has them."""

import copy
import json
import logging
import pickle
import subprocess
import sys
from urllib.parse import quote

import msgspec
import pytest

from dragoman.secrets import MASK, Secret, any_known, masked, masked_bytes, register, register_url

VALUE = 'p@ss/w"örd-81f3'


@pytest.fixture
def secret() -> Secret:
    return Secret(VALUE)


def test_nothing_shows_it(secret: Secret) -> None:
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>5}", "%s" % secret, f"{[secret]}"]  # noqa: UP031
    shown += [json.dumps({"key": secret}), repr({"key": secret})]
    assert all(MASK in text and VALUE not in text for text in shown)
    assert secret.reveal() == VALUE
    with pytest.raises(TypeError, match="Secret is unsupported"):
        msgspec.json.encode([secret])


def test_it_is_equal_to_the_same_secret_only(secret: Secret) -> None:
    assert secret == Secret(VALUE)
    assert hash(secret) == hash(Secret(VALUE))
    assert secret != Secret("another-81f3")
    assert secret != VALUE
    assert secret != MASK


def test_copies_stay_secret_and_it_does_not_travel(secret: Secret) -> None:
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": secret})["a"] is secret
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


@pytest.mark.parametrize(
    "form", [VALUE, quote(VALUE, safe=""), json.dumps(VALUE), json.dumps(VALUE, ensure_ascii=False), repr(VALUE)]
)
def test_every_form_of_it_is_masked(secret: Secret, form: str) -> None:
    text = masked(f"connecting with {form} failed")
    assert MASK in text
    assert VALUE not in text
    assert "81f3" not in text


def test_a_percent_encoded_secret_is_masked_as_what_it_means() -> None:
    register("kept%21safe-81f4")
    assert masked("kept!safe-81f4 and kept%21safe-81f4") == f"{MASK} and {MASK}"


def test_the_longest_is_masked_first() -> None:
    register("abcd-81f5")
    register("abcd-81f5-and-more")
    assert masked("[abcd-81f5-and-more]") == f"[{MASK}]"


@pytest.mark.parametrize("short", ["", "a", "abc"])
def test_what_is_too_short_is_not_masked(short: str) -> None:
    register(short)
    assert masked("abc a") == "abc a"


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://reader:s3cr3t-81f6@db.example/shop", "s3cr3t-81f6"),
        ("postgresql://reader:s3cr3t%2D81f7@db.example/shop", "s3cr3t-81f7"),
        ("postgresql://reader:broken/81f8#x@db.example/shop", "broken/81f8#x"),
        ("postgresql://db.example/shop?user=a&sslpassword=opt-81fa", "opt-81fa"),
        ("mysql://u:in[valid-81f9@[::1/shop", "in[valid-81f9"),
    ],
)
def test_the_password_of_a_url_is_masked(url: str, password: str) -> None:
    register_url(url)
    assert password not in masked(f"cannot reach {url}: {password}")


@pytest.mark.parametrize(
    "url", ["sqlite:///shop-81fa.db", "shop-81fa.db", "postgresql://reader@shop-81fa/x", "https://h:80/a@b"]
)
def test_a_url_without_a_password_has_nothing_to_mask(url: str) -> None:
    register_url(url)
    assert masked(url) == url


def test_bytes_are_masked_as_text_and_others_come_back_as_they_came() -> None:
    register("sécret-81fb")
    assert masked_bytes('{"a":"sécret-81fb"}'.encode()) == b'{"a":"***"}'
    assert masked_bytes(b"\xff plain") == b"\xff plain"


def test_a_process_without_secrets_masks_nothing() -> None:
    program = (
        "from dragoman.secrets import any_known, masked, masked_bytes;"
        "text, data = 'text'*9, b'data'*9;"
        "print(any_known(), masked(text) is text, masked_bytes(data) is data)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]
    register("something-81fc")
    assert any_known()


def test_log_arguments_are_masked(secret: Secret, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("dragoman.test").warning("key %s", secret)
    assert caplog.messages == [f"key {MASK}"]
