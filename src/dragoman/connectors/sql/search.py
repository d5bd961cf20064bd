"""Finding tables by name or meaning: words of names and comments, ranked; no database, no model.

A name counts as its words (`InvoiceLine`, `invoice_line`: invoice, line), a word as its stem and as what people also
call the thing. What is rare among the tables weighs more (BM25), and a table's own name more than its columns'.
"""

import difflib
import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from dragoman.connectors.sql.catalog import Relation

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+|[^\W\d_]+")
_TABLE_WEIGHT: Final = 3
_SATURATION: Final = 1.2
_SHORTEST_ALIKE: Final = 4
_ALIKE: Final = 0.8
_WORDS_OF_QUERY: Final = 16
_MOST_COLUMNS: Final = 6


def _stem(word: str) -> str:
    if word.endswith("ies") and len(word) > len("ties"):
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith("ss") and len(word) > len("bus"):
        return word[:-1]
    return word


_MEANINGS: Final = tuple(
    frozenset(map(_stem, group.split()))
    for group in (
        "customer client buyer account consumer patron",
        "employee staff worker personnel colleague",
        "person people contact user member human",
        "order invoice purchase bill sale checkout receipt",
        "price cost amount total revenue turnover fee charge value sum",
        "product item article good sku merchandise",
        "song track music title recording",
        "artist band singer musician performer author writer composer creator",
        "album record disc release",
        "genre category kind type class sort",
        "address street city location place country region",
        "date time day created updated when timestamp",
        "phone telephone mobile fax",
        "email mail",
        "stock inventory warehouse quantity",
        "shipment delivery shipping freight",
        "supplier vendor manufacturer provider",
        "line detail position entry row",
        "salary wage pay payroll compensation",
        "department team unit division",
        "length duration milliseconds seconds runtime",
        "name label caption",
    )
)


class Hit(Struct):
    """A relation that was found, and which of its columns fit."""

    relation: Relation
    columns: list[str]
    score: float


def search(query: str, relations: Iterable[Relation], most: int) -> list[Hit]:
    """Return the relations that fit a query best, best first.

    Args:
        query: words, in any form.
        relations: what there is.
        most: how many are returned at most.
    """
    wanted = list(dict.fromkeys(words_of(query)))[:_WORDS_OF_QUERY]
    documents = [(relation, _document(relation)) for relation in relations]
    known = Counter(word for _, document in documents for word in document)
    terms = [_variants(word, known) for word in wanted]
    hits = []
    for relation, document in documents:
        score = 0.0
        for variants in terms:
            score += max(
                (_score(word, weight, document, known, len(documents)) for word, weight in variants), default=0
            )
        if score > 0:
            fitting = {word for variants in terms for word, _ in variants}
            name = words_of(relation.name)
            score *= 1 + len(fitting.intersection(name)) / max(1, len(name))  # `Track` before `PlaylistTrack`
            columns = [each.name for each in relation.columns if fitting & set(words_of(f"{each.name} {each.comment}"))]
            hits.append(Hit(relation, columns[:_MOST_COLUMNS], score))
    hits.sort(key=lambda hit: (-hit.score, hit.relation.name))
    return hits[:most]


def words_of(text: str) -> list[str]:
    """Return the stems of the words of a name or a sentence."""
    return [_stem(word.lower()) for word in _WORD.findall(text)]


def _document(relation: Relation) -> Counter[str]:
    document: Counter[str] = Counter()
    for word in words_of(f"{relation.name} {relation.comment}"):
        document[word] += _TABLE_WEIGHT
    for column in relation.columns:
        document.update(words_of(f"{column.name} {column.comment}"))
    return document


def _variants(word: str, known: Counter[str]) -> list[tuple[str, float]]:
    """Return the known words that a word stands for, and how well."""
    found = {word: 1.0} if word in known else {}
    for group in _MEANINGS:
        if word in group:
            found |= {other: 0.5 for other in group if other in known and other not in found}
    if not found and len(word) >= _SHORTEST_ALIKE:
        found |= {other: 0.8 for other in known if len(word) <= len(other) and other.startswith(word)}
        found |= dict.fromkeys(difflib.get_close_matches(word, known, n=3, cutoff=_ALIKE), 0.6)
    return list(found.items())


def _score(word: str, weight: float, document: Counter[str], known: Counter[str], total: int) -> float:
    times = document.get(word, 0)
    if not times:
        return 0.0
    rarity = math.log(1 + (total - known[word] + 0.5) / (known[word] + 0.5))
    return weight * rarity * times * (_SATURATION + 1) / (times + _SATURATION)
