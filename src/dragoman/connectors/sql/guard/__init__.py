"""The first lock: whether a statement is one query over what is served, and what runs in its place.

`parsing` turns text into a tree, `nodes` judges what may occur in it, `rewriting` puts in what callers may see,
`statement` is what comes out, and `guard` is the road through them. `verbatim` is for what has no grammar.
"""

from dragoman.connectors.sql.guard.guard import Guard
from dragoman.connectors.sql.guard.statement import Statement
from dragoman.connectors.sql.guard.verbatim import Verbatim
from dragoman.connectors.sql.parsing import Refused, UnknownRelation, place

__all__ = ["Guard", "Refused", "Statement", "UnknownRelation", "Verbatim", "place"]
