import unicodedata
from random import Random

from dragoman.demo.people import LOCALES, invent


def scripts(text: str) -> set[str]:
    return {unicodedata.name(letter).split()[0] for letter in text if letter.isalpha()}


def test_the_same_chance_invents_the_same_people() -> None:
    assert [invent(Random(5)).name for _ in range(3)] == [invent(Random(5)).name for _ in range(3)]


def test_names_come_from_many_alphabets_and_have_a_latin_form() -> None:
    random = Random(1)
    people = [invent(random) for _ in range(600)]
    found = set().union(*(scripts(person.name) for person in people))
    wanted = {"LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "DEVANAGARI"}
    assert wanted <= found
    for person in people:
        assert person.name_latin.isascii(), person
        assert person.city in person.locale.cities


def test_family_names_go_with_their_bearer() -> None:
    random = Random(2)
    names = {invent(random).name for _ in range(2000)}
    assert any(name.endswith("Παπαδόπουλος") for name in names)
    assert not any(name.startswith("Ελένη ") and name.endswith("ος") for name in names)


def test_order_of_names() -> None:
    random = Random(3)
    people = [invent(random) for _ in range(600)]
    assert all(" " not in person.name for person in people if person.locale.family_first)
    assert all(" " in person.name for person in people if not person.locale.family_first)


def test_languages_are_distinct() -> None:
    assert len({locale.language for locale in LOCALES}) == len(LOCALES)
