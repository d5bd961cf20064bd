"""The road of a statement through the guard: read, judge, rewrite, write.

What was let through is kept for a while, by statement and view, because agents repeat themselves. What runs is
always the text written from the tree that was judged, so a disagreement between two parsers costs an error, never
a write; engines check again with means of their own.
"""

import logging
import threading
from collections import OrderedDict

from sqlglot import exp
from sqlglot.errors import SqlglotError

from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.engines.engine import SqlLimits
from dragoman.connectors.sql.guard.nodes import Nodes
from dragoman.connectors.sql.guard.rewriting import Rewriting
from dragoman.connectors.sql.guard.statement import Slot, Statement
from dragoman.connectors.sql.parsing import TOO_COMPLEX, Refused, Text
from dragoman.connectors.sql.policy import View

_log = logging.getLogger(__name__)

REMEMBERED = 256
REMEMBERED_SIZE = 4_000_000
_OF_THE_PARSER = (AttributeError, IndexError, KeyError, TypeError, ValueError, SqlglotError)
_LIMIT = "limit_"


class Guard:
    """Lets queries of one dialect through.

    Args:
        dialect: what it allows.
        limits: the sizes it holds statements to.
        describe: the name of the tool that tells about tables, for its sentences.
    """

    def __init__(self, dialect: Dialect, limits: SqlLimits, describe: str) -> None:
        self.dialect = dialect
        self.limits = limits
        self.describe = describe
        self._text = Text(dialect, limits)
        self._nodes = Nodes(dialect)
        self._lock = threading.Lock()
        self._size = 0
        self._passed: OrderedDict[tuple[str, str, frozenset[str]], Statement] = OrderedDict()

    def check(self, sql: str, view: View, parameters: frozenset[str] = frozenset()) -> Statement:
        """Return the statement if it is one query over what callers may see.

        Args:
            sql: the text of an agent.
            view: what its author may see.
            parameters: names of values that will be bound to it.

        Raises:
            UnknownRelation: it names a table that there isn't, for its author.
            Refused: it is anything else but one such query.
        """
        known = self.passed(sql, view, parameters)
        if known is not None:
            return known
        try:
            statement = self._judge(sql, view, parameters)
        except RecursionError:
            raise Refused(TOO_COMPLEX) from None
        except _OF_THE_PARSER as error:
            # A statement that the parser can't cope with costs its author an answer, and leaves a trace.
            _log.warning("a statement was refused because the parser failed: %s", type(error).__name__)
            raise Refused("the statement can't be understood: say it more simply") from None
        self._remember((view.version, sql, parameters), statement)
        return statement

    def passed(self, sql: str, view: View, parameters: frozenset[str] = frozenset()) -> Statement | None:
        """Return the statement if it was let through lately under the same view; nothing is parsed."""
        key = (view.version, sql, parameters)
        with self._lock:
            known = self._passed.get(key)
            if known is not None:
                self._passed.move_to_end(key)
            return known

    def _remember(self, key: tuple[str, str, frozenset[str]], statement: Statement) -> None:
        with self._lock:
            self._forget(self._passed.pop(key, None))
            self._passed[key] = statement
            self._size += statement.size
            while len(self._passed) > REMEMBERED or self._size > REMEMBERED_SIZE:
                self._forget(self._passed.popitem(last=False)[1])

    def _forget(self, statement: Statement | None) -> None:
        self._size -= statement.size if statement is not None else 0

    def _judge(self, sql: str, view: View, parameters: frozenset[str]) -> Statement:
        tree = self._text.query(sql)
        self._nodes.check(sql, tree, parameters)
        rewriting = Rewriting(sql, self.dialect, view, self.describe)
        rewriting.apply(tree)
        if self.dialect.capped:
            _limit(tree)
        pieces = self._text.write(tree).split("\0")
        slots = tuple(_slot(name, view) for name in pieces[1::2])
        return Statement(sql, tuple(rewriting.relations), tuple(pieces[::2]), slots)


def _limit(tree: exp.Expr) -> None:
    """Put a place for the number of rows into a query, where that changes nothing else of it.

    Left to the cursor of the engine are VALUES, a query in parentheses, and a LIMIT that is no plain number.
    """
    if not isinstance(tree, exp.Select | exp.SetOperation):
        return
    own = tree.args.get("limit")
    number: exp.Expr | None = None
    if isinstance(own, exp.Fetch):
        options = own.args.get("limit_options")
        if options is not None and (options.args.get("with_ties") or options.args.get("percent")):
            return
        number = own.args.get("count") or exp.Literal.number(1)
    elif own is not None:
        number = own.expression
    if number is not None and not (isinstance(number, exp.Literal) and not number.is_string and number.name.isdigit()):
        return
    name = f"{_LIMIT}{number.name if number is not None else ''}"
    tree.set("limit", exp.Limit(expression=exp.Placeholder(this=name)))


def _slot(name: str, view: View) -> Slot:
    """Return what a placeholder of the tree stands for."""
    kind, _, rest = name.partition("_")
    if kind == "parameter":
        return Slot("parameter", rest)
    if kind == "principal":
        return Slot("principal", rest)
    if kind == "known":
        return Slot("known", rest)
    if kind == "limit":
        return Slot("limit", value=int(rest) if rest else None)
    return Slot("value", value=view.slots[name])
