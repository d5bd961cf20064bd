"""Which known name a wrong one was probably meant to be.

Knows names and nothing else. The cost is bounded: names come from strangers.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_LONGEST = 128
_MOST = 2000
_LIKENESS = 0.6


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the known name most like `name`, ignoring case, or None when nothing is close.

    Args:
        name: what was asked for; longer than 128 characters is like nothing.
        names: what is known; the first 2,000 are looked at.
    """
    if len(name) > _LONGEST:
        return None
    folded: dict[str, str] = {}
    for known in islice(names, _MOST):
        folded.setdefault(known.casefold(), known)
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=_LIKENESS)
    return folded[found[0]] if found else None
