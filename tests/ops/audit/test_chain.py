"""The chain: each mark depends on all lines before it and on the key."""

from dragoman.ops.audit.chain import Entry, first_mark, head_mark, next_mark, verify

KEY = b"k" * 32


def entries(count: int, key: bytes = KEY, chain: str = "c") -> list[Entry]:
    made, mark = [], first_mark(key, chain)
    for number in range(1, count + 1):
        line = b'{"n":%d}' % number
        mark = next_mark(key, mark, line)
        made.append(Entry(chain, number, line, mark))
    return made


def test_a_whole_chain_holds() -> None:
    whole = entries(5)
    assert not list(verify(KEY, "c", whole))
    assert not list(verify(KEY, "c", []))
    assert not list(verify(KEY, "c", whole[3:], 3, whole[2].mark))


def test_what_does_not_hold_is_named() -> None:
    whole = entries(5)
    (broken,) = verify(KEY, "c", [*whole[:2], *whole[3:]])
    assert broken.number == 3
    assert "missing" in broken.problem
    (broken,) = verify(KEY, "c", [whole[0], Entry("c", 2, b"other", whole[1].mark), *whole[2:]])
    assert broken.number == 2
    assert list(verify(KEY, "c", entries(2, key=b"x" * 32)))
    assert list(verify(KEY, "d", whole))
    assert list(verify(KEY, "c", whole[3:], 3, whole[1].mark))


def test_a_head_is_of_one_place() -> None:
    assert len({head_mark(KEY, "c", 1, b"m"), head_mark(KEY, "c", 2, b"m"), head_mark(KEY, "d", 1, b"m"),
                head_mark(KEY, "c", -1, b"m"), head_mark(KEY, "c", 1, b"n")}) == 5  # fmt: skip
