"""From a question to full-text search terms, and the one way text is written into the index.

Laws: a question is data: every word reaches the engine inside a quoted string, so no operator of its query
language exists here. Text and question go through the same `spaced`, or they would not meet.
"""

import re
import unicodedata
from typing import Final, NamedTuple

from dragoman.connectors.files.extract import clean

MAX_TERMS: Final = 32
_SHORTEST_PREFIX: Final = 3

# Stands between the characters of scripts written without spaces; cleaned text never holds it.
SEAM: Final = "\x1f"

# Scripts without spaces between words, and Hangul, whose words carry endings: each character is its own token
# and a word is a phrase of them, so any part of a word is found.
_UNSPACED: Final = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3105-\u312f\u3131-\u318e"
    "\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff])"
)
_CHUNK: Final = re.compile(r'"([^"]*)"|(\S+)')
# ASCII punctuation that separates words; `-`, `.`, `/`, `:`, `_`, `'` and `@` inside a word make it a phrase.
_SEPARATORS: Final = re.compile(r"""[\s!"#$%&()*+,;<=>?\[\\\]^`{|}~]+""")
_JOINTS: Final = "-./:_'@"
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_LONGEST_NAME: Final = 64

# English function words say nothing about a place; they count only in quotes or when nothing else was asked.
_FUNCTION_WORDS: Final = frozenset({
    "a", "an", "and", "any", "are", "as", "at", "be", "but", "by", "can", "could", "did", "do", "does",
    "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my",
    "of", "on", "or", "our", "should", "so", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "to", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will",
    "with", "would", "you", "your",
})  # fmt: skip


class Term(NamedTuple):
    """One thing asked for.

    Args:
        text: as the question has it.
        exact: the engine's expression for the word or phrase (stemmed).
        prefix: its expression for words that begin like it, None where that would find anything.
    """

    text: str
    exact: str
    prefix: str | None


def spaced(text: str) -> str:
    """The text as it is indexed: composed (NFC), and a seam around each character of an unspaced script."""
    if text.isascii():
        return text
    return _UNSPACED.sub(rf"{SEAM}\1{SEAM}", unicodedata.normalize("NFC", text))


def identifier_parts(text: str) -> str:
    """The words inside the camelCase names of a text: `requestState` also answers to "request state"."""
    words = (word for word in dict.fromkeys(_WORD.findall(text)) if len(word) <= _LONGEST_NAME)
    return "\n".join(split for word in words if (split := _HUMP.sub(" ", word)) != word)


def search_terms(question: str) -> tuple[list[Term], bool]:
    """The different terms of a question in its order, and whether there were more than `MAX_TERMS`."""
    found: dict[str, Term] = {}
    spoken: set[str] = set()
    for quoted, bare in _CHUNK.findall(clean(question)):
        phrases = [quoted] if quoted else _SEPARATORS.split(bare)
        for phrase in phrases:
            text = phrase.strip().strip(_JOINTS)
            if any(character.isalnum() for character in text):
                found.setdefault(text.casefold(), _term(text))
                if not quoted and text.casefold() in _FUNCTION_WORDS:
                    spoken.add(text.casefold())
    terms = [term for folded, term in found.items() if folded not in spoken] or list(found.values())
    return terms[:MAX_TERMS], len(terms) > MAX_TERMS


def _term(text: str) -> Term:
    exact = _quoted(text)
    if (split := _HUMP.sub(" ", text)) != text:
        exact = f"({exact} OR {_quoted(split)})"
    prefixable = len(text) >= _SHORTEST_PREFIX and not _UNSPACED.search(text)
    return Term(text, exact, f"{_quoted(text)} *" if prefixable else None)


def _quoted(text: str) -> str:
    """An FTS5 string: a phrase of whatever tokens are inside (SQLite documentation, FTS5, section 3.1)."""
    return '"' + spaced(text).replace('"', '""') + '"'
