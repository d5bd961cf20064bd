import pytest

from dragoman.demo.opinions import STAR_WEIGHTS, STARS, VOICES, opinion
from dragoman.demo.people import LOCALES


@pytest.mark.parametrize("language", [locale.language for locale in LOCALES])
def test_everybody_can_say_it_in_their_language(language: str) -> None:
    said = {opinion(language, stars) for stars in STARS}
    assert len(said) == 3
    assert all(title and text for title, text in said)


def test_more_stars_sound_better() -> None:
    assert opinion("en", 5) == opinion("en", 4)
    assert opinion("en", 3)[0].startswith("Good, with one reservation")
    assert opinion("en", 1) == opinion("en", 2)


def test_no_language_is_left_over() -> None:
    assert VOICES.keys() == {locale.language for locale in LOCALES}
    assert len(STARS) == len(STAR_WEIGHTS)
