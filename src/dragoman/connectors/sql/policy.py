"""What callers may see of a database: which relations, which columns, how masked, and which rows.

A policy is compiled once from the settings, and seen through one catalog it is a view: the same shape as a
catalog, with nothing in it that callers may not know. It fails closed: a relation with a line of policy that
can't be kept (a mask of a column that is not there) is not served, and `problems` says so. Masks and filters
are syntax trees of the dialect; where they go is decided in `guard.rewriting`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import msgspec
from msgspec import UNSET, Struct
from sqlglot import exp

from dragoman import SettingsError, UsageError
from dragoman.connectors.sql.catalog import Catalog, Column, Relation, fold, nearest
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.engines.engine import SqlLimits
from dragoman.connectors.sql.engines.writing import LEDGER
from dragoman.connectors.sql.masks import Condition, Mask, Masking
from dragoman.connectors.sql.parsing import Refused
from dragoman.connectors.sql.settings import MaskRule, RolePolicy, SqlSettings, TablePolicy

_WIDE = SqlLimits(statement_bytes=64 * 1024, tokens=20_000)


class Restriction(Struct, frozen=True):
    """What is left of a relation: each visible column with its mask or None, and the conditions of its rows.

    `weight` is the number of nodes of the tree that says it.
    """

    columns: tuple[tuple[str, exp.Expr | None], ...]
    conditions: tuple[exp.Expr, ...]
    weight: int


class Served(Struct, frozen=True):
    """A relation that callers may name.

    Args:
        base: as it is in the database.
        relation: as callers see it.
        masks: kind of mask by column.
        restriction: None when all of it is seen.
    """

    base: Relation
    relation: Relation
    masks: dict[str, str]
    restriction: Restriction | None


class _Lines(Struct, frozen=True):
    """What the settings say of one table, parsed."""

    key: str
    policy: TablePolicy
    masks: dict[str, Mask]
    condition: Condition | None
    where: str = ""  # what stands before the name in the settings


class Policy:
    """What callers of one connector may see.

    Args:
        settings: of the connector.
        dialect: how its names compare and its expressions are read.
        key: the secret of hash masks, any length.
        roles: what is narrowed for callers with these roles, each by itself: what one of them takes away, no other
            gives back.

    Raises:
        UsageError: a mask or a row filter can't be read; its place in the settings is named.
    """

    def __init__(
        self, settings: SqlSettings, dialect: Dialect, key: bytes, roles: Mapping[str, RolePolicy] | None = None
    ) -> None:
        self.dialect = dialect
        self.settings = settings
        self.masking = Masking(dialect, key, _WIDE)
        self.layers: dict[str, SqlSettings | RolePolicy] = {"": settings}
        self.layers |= {f"roles.{name}.": role for name, role in (roles or {}).items()}
        self.has_policy = any(layer.has_policy for layer in self.layers.values())
        self._lines = [
            self._parse(name, table, where)
            for where, layer in self.layers.items()
            for name, table in layer.tables.items()
        ]
        self.principal_attributes = frozenset(
            name for lines in self._lines if lines.condition for name in lines.condition.attributes
        )
        layers = [(where, layer.allow, layer.deny, layer.tables) for where, layer in self.layers.items()]
        described = msgspec.json.encode((settings.schemas, layers))
        sealed = hashlib.sha256(key).hexdigest()[:16]
        self.version = hashlib.sha256(f"{dialect.name} {sealed} ".encode() + described).hexdigest()[:32]
        self._view = lru_cache(maxsize=4)(self._compile)

    def view(self, catalog: Catalog) -> "View":
        """Return what callers may see of a catalog."""
        return self._view(_Catalog(catalog))

    def _parse(self, name: str, table: TablePolicy, inside: str) -> _Lines:
        masks = {}
        for column, rule in table.mask.items():
            place = ("tables", name, "mask", column)
            if isinstance(rule, MaskRule) and (rule.constant is UNSET) == (rule.sql is UNSET):
                raise _misread("write either { constant = ... } or { sql = ... }", inside, *place)
            try:
                masks[column] = self.masking.mask(rule)
            except Refused as error:
                raise _misread(str(error), inside, *place) from None
        condition = None
        if table.rows is not None:
            try:
                condition = self.masking.condition(table.rows)
            except Refused as error:
                raise _misread(str(error), inside, "tables", name, "rows") from None
        return _Lines(name, table, masks, condition, inside)

    def _compile(self, known: "_Catalog") -> "View":
        return _Compilation(self, self._lines, known.catalog).view()


class _Catalog:
    """A catalog as a key: two of one version are the same."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def __hash__(self) -> int:
        return hash(self.catalog.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Catalog) and other.catalog.version == self.catalog.version


def _misread(problem: str, inside: str, *place: str) -> UsageError:
    """Return the error for a line of the settings; outside of roles its place is told, for the line in the file."""
    key = f"{inside}{'.'.join(place)}"
    return UsageError(f"{key}: {problem}") if inside else SettingsError(problem, key, place)


class _Compilation:
    """One policy meeting one catalog."""

    def __init__(self, policy: Policy, lines: list[_Lines], catalog: Catalog) -> None:
        self.policy = policy
        self.settings = policy.settings
        self.dialect = policy.dialect
        self.catalog = catalog
        self.lines = lines
        self.problems: list[str] = []
        self.schemas = self._schemas()

    def view(self) -> "View":
        """Return what callers see."""
        relations = [each for each in self.catalog.relations.values() if self._in_schemas(each)]
        layers = [
            (layer, self._named(f"{where}allow", layer.allow, relations)) for where, layer in self.policy.layers.items()
        ]
        denied: set[int] = set()
        for where, layer in self.policy.layers.items():
            denied |= self._named(f"{where}deny", layer.deny, relations)
        ruled: dict[int, list[_Lines]] = {}
        for lines in self.lines:
            for number in self._named(f"{lines.where}tables", (lines.key,), relations):
                ruled.setdefault(number, []).append(lines)
        served = []
        for relation in relations:
            family = list(self._family(relation, relations))
            if any(id(each) in denied for each in family):
                continue
            if not all(_is_offered(relation, layer, allowed) for layer, allowed in layers):
                continue
            one = self._serve(relation, [lines for each in family for lines in ruled.get(id(each), ())])
            if one is not None:
                served.append(one)
        return View(self.policy, self.catalog, tuple(served), self.schemas, tuple(self.problems))

    def _schemas(self) -> tuple[str, ...]:
        """Return the schemas that are served, in the order in which names alone are looked up."""
        if self.settings.schemas:
            return tuple(self.dialect.key(name, quoted=False) for name in self.settings.schemas)
        if self.dialect.schema:
            return (self.dialect.schema,)
        return tuple(dict.fromkeys(self._schema_key(each) for each in self.catalog.relations.values()))

    def _schema_key(self, relation: Relation) -> str:
        return self.dialect.key(relation.schema or self.dialect.schema, quoted=True)

    def _in_schemas(self, relation: Relation) -> bool:
        return self._schema_key(relation) in self.schemas and fold(relation.name) != LEDGER

    def _named(self, where: str, keys: Iterable[str], relations: list[Relation]) -> set[int]:
        """Return the identities of relations that keys of the settings name."""
        found = set()
        for key in keys:
            matches = [id(each) for each in relations if matches_key(self.dialect, key, each, self.schemas)]
            if not matches:
                near = nearest(key, (each.name for each in relations))
                hint = f": did you mean {' or '.join(near)}?" if near else ""
                self.problems.append(f"{where}: {key!r} is no relation of the database{hint}")
            found.update(matches)
        return found

    def _family(self, relation: Relation, relations: list[Relation]) -> Iterator[Relation]:
        """Return a relation and what it is a part of: policy of the whole holds for the parts."""
        seen: set[int] = set()
        current: Relation | None = relation
        while current is not None and id(current) not in seen:
            yield current
            seen.add(id(current))
            parent = current.parent
            current = next((each for each in relations if parent and parent in self._names(each)), None)

    def _names(self, relation: Relation) -> tuple[str, ...]:
        qualified = f"{relation.schema}.{relation.name}"
        return (qualified, relation.name) if self._schema_key(relation) == self.schemas[0] else (qualified,)

    def _serve(self, relation: Relation, lines: list[_Lines]) -> Served | None:
        """Return a relation as callers see it, or None when policy leaves nothing or can't be kept."""
        if not lines:
            return Served(relation, relation, {}, None)
        keys = {self.dialect.key(column.name, quoted=True): column for column in relation.columns}
        visible = dict(keys)
        masks: dict[str, Mask] = {}
        rules: dict[str, object] = {}
        conditions = []
        before = len(self.problems)
        for each in lines:
            visible = self._narrow(each, relation, keys, visible)
            for name, mask in each.masks.items():
                found = self._column(name, keys)
                if found is None:
                    self._report(each, f"mask.{name}", "there is no such column", relation)
                elif mask.columns is not None and (missing := self._missing(mask.columns, keys)):
                    self._report(each, f"mask.{name}", f"there is no column {missing!r}", relation)
                else:
                    rule = each.policy.mask[name]
                    masks[found] = mask if rules.setdefault(found, rule) == rule else self.policy.masking.null
            if each.condition is not None:
                conditions.append(each.condition)
                if missing := self._missing(each.condition.columns, keys):
                    self._report(each, "rows", f"there is no column {missing!r}", relation)
        if len(self.problems) > before or not visible:
            return None
        return self._restricted(relation, keys, visible, masks, conditions)

    def _restricted(
        self,
        relation: Relation,
        keys: dict[str, Column],
        visible: dict[str, Column],
        masks: dict[str, Mask],
        conditions: list[Condition],
    ) -> Served:
        masks = {key: mask for key, mask in masks.items() if key in visible}
        concealed = {fold(column.name) for key, column in keys.items() if key not in visible}
        shown = tuple(
            msgspec.structs.replace(column, default=None)
            if key in masks or names_any(column.default or "", concealed)
            else column
            for key, column in visible.items()
        )
        kinds = {column.name: masks[key].kind for key, column in visible.items() if key in masks}
        whole = Served(relation, msgspec.structs.replace(relation, columns=shown), kinds, None)
        if not masks and not conditions and len(visible) == len(keys):
            return whole
        columns = tuple(
            (column.name, masks[key].over(relation, column) if key in masks else None)
            for key, column in visible.items()
        )
        rows = tuple(each.over(relation, keys, self.dialect) for each in conditions)
        trees = [*rows, *(mask for _, mask in columns if mask is not None)]
        weight = 10 + 5 * len(columns) + sum(1 for tree in trees for _ in tree.walk())
        # What a hidden column's values count for (rows, index sizes) is told by no relation of fewer columns.
        return msgspec.structs.replace(
            whole,
            relation=msgspec.structs.replace(whole.relation, rows=None if rows else relation.rows),
            restriction=Restriction(columns, rows, weight),
        )

    def _narrow(
        self, lines: _Lines, relation: Relation, keys: dict[str, Column], visible: dict[str, Column]
    ) -> dict[str, Column]:
        for where, names in (
            ("allow_columns", lines.policy.allow_columns),
            ("deny_columns", lines.policy.deny_columns),
        ):
            if not names:
                continue
            found = set()
            for name in names:
                key = self._column(name, keys)
                if key is None:
                    self._report(lines, where, f"there is no column {name!r}", relation)
                else:
                    found.add(key)
            keep = where == "allow_columns"
            visible = {key: column for key, column in visible.items() if (key in found) is keep}
        return visible

    def _column(self, name: str, keys: dict[str, Column]) -> str | None:
        """Return the key of a column that the settings name."""
        text, quoted = unquoted(name)
        for key in (self.dialect.key(text, quoted=quoted), self.dialect.key(text, quoted=True)):
            if key in keys:
                return key
        return None

    def _missing(self, names: Iterable[tuple[str, bool]], keys: dict[str, Column]) -> str | None:
        return next((name for name, quoted in names if self.dialect.key(name, quoted=quoted) not in keys), None)

    def _report(self, lines: _Lines, where: str, what: str, relation: Relation) -> None:
        self.problems.append(
            f"{lines.where}tables.{lines.key}.{where}: {what}; {relation.name} is not served until this is mended"
        )


def _is_offered(relation: Relation, layer: SqlSettings | RolePolicy, allowed: set[int]) -> bool:
    """Whether one layer of policy lets a relation be named; views show what tables hide, so they must be named."""
    if id(relation) in allowed:
        return True
    return not layer.allow and (relation.kind == "table" or not layer.has_policy)


class View:
    """What callers may see of a database; made by `Policy.view`.

    Args:
        policy: whose view it is.
        catalog: what the database holds.
        served: the relations that callers may name.
        schemas: keys of the schemas that are served, the first one is looked up first.
        problems: lines of the policy that match nothing, a sentence each.
    """

    def __init__(
        self,
        policy: Policy,
        catalog: Catalog,
        served: tuple[Served, ...],
        schemas: tuple[str, ...],
        problems: tuple[str, ...],
    ) -> None:
        self.dialect = policy.dialect
        self.schemas = schemas
        self.problems = problems
        self.version = f"{policy.version}.{catalog.version}"
        self.slots = policy.masking.slots
        # Names of other people's tables are only hinted at where there is nothing to hide.
        self.hidden = frozenset() if policy.has_policy else catalog.hidden
        self.relations: dict[str, Relation] = {}
        self._served: dict[tuple[str, str], list[Served]] = {}
        self._by_relation: dict[tuple[str, str], Served] = {}
        for each in served:
            schema = self.dialect.key(each.base.schema or self.dialect.schema, quoted=True)
            name = self.dialect.key(each.base.name, quoted=True)
            self._served.setdefault((schema, name), []).append(each)
            self._by_relation[each.base.schema, each.base.name] = each
            self.relations[name if schema == schemas[0] else f"{schema}.{name}"] = each.relation

    def lookup(
        self, schema: str | None, name: str, *, quoted: bool = True, schema_quoted: bool = True
    ) -> Served | None:
        """Return what a name of a statement stands for.

        Args:
            schema: its qualifier, or None.
            name: the name.
            quoted: whether the name stood in quotes.
            schema_quoted: whether the qualifier did.
        """
        key = self.dialect.key(name, quoted=quoted)
        schemas = self.schemas if schema is None else (self.dialect.key(schema, quoted=schema_quoted),)
        for each in schemas:
            found = self._served.get((each, key))
            if found:
                return next((one for one in found if one.base.name == name), found[0])
        return None

    def find(self, name: str) -> Relation | None:
        """Return the relation of a name, which may be qualified and quoted as in a statement, or None."""
        *qualifiers, (last, quoted) = parts_of(name)
        schema, schema_quoted = qualifiers[-1] if qualifiers else (None, True)
        served = (
            self.lookup(None, name)
            or self.lookup(schema, last, quoted=quoted, schema_quoted=schema_quoted)
            or self.lookup(schema, last)
        )
        return served.relation if served else None

    def name_of(self, served: Served) -> str:
        """Return how callers name a relation: with its schema where that is not the first one."""
        schema = self.dialect.key(served.base.schema or self.dialect.schema, quoted=True)
        return served.base.name if schema == self.schemas[0] else f"{served.base.schema}.{served.base.name}"

    def called(self, relation: Relation) -> str:
        """Return how callers name a relation of this view."""
        return self.name_of(self._of(relation))

    def masked(self, relation: Relation) -> dict[str, str]:
        """Return the kind of mask of each masked column of a relation of this view."""
        return self._of(relation).masks

    def concealed(self, relation: Relation) -> frozenset[str]:
        """Return the folded names of the columns that callers don't see of a relation of this view."""
        shown = {fold(column.name) for column in relation.columns}
        return frozenset(fold(column.name) for column in self._of(relation).base.columns) - shown

    def is_filtered(self, relation: Relation) -> bool:
        """Return whether callers see only some rows of a relation of this view."""
        restriction = self._of(relation).restriction
        return restriction is not None and bool(restriction.conditions)

    def is_narrowed(self, names: Iterable[str]) -> bool:
        """Return whether callers see less than all of one of these relations, by their names."""
        found = [relation for name in names if (relation := self.find(name)) is not None]
        return any(self._of(relation).restriction is not None for relation in found)

    def nearest_relations(self, name: str) -> list[str]:
        """Return the names of relations that look most like this one, best first, at most three."""
        return nearest(name, (relation.name for relation in self.relations.values()))

    def _of(self, relation: Relation) -> Served:
        return self._by_relation[relation.schema, relation.name]


def names_any(text: str, names: Iterable[str]) -> bool:
    """Whether a text of the database, such as an expression or the name of an index, holds one of these names."""
    folded = fold(text)
    return any(name in folded for name in names)


def unquoted(name: str) -> tuple[str, bool]:
    """Return a name without the quotes around it, and whether it had some."""
    ((text, quoted),) = parts_of(name)[-1:]
    return text, quoted


def parts_of(name: str) -> list[tuple[str, bool]]:
    """Return the parts of a qualified name, each with whether it stood in quotes."""
    parts: list[tuple[str, bool]] = []
    rest = name
    while rest:
        end = {'"': '"', "`": "`", "[": "]"}.get(rest[0])
        stop = rest.find(end, 1) if end else -1
        while end and stop > 0 and rest[stop + 1 : stop + 2] == end and end != "]":
            stop = rest.find(end, stop + 2)
        if end and stop > 0 and rest[stop + 1 : stop + 2] in ("", "."):
            parts.append((rest[1:stop].replace(end * 2, end), True))
            rest = rest[stop + 2 :]
        else:
            text, _, rest = rest.partition(".")
            parts.append((text, False))
    return parts or [(name, False)]


def matches_key(dialect: Dialect, key: str, relation: Relation, schemas: tuple[str, ...]) -> bool:
    """Return whether a key of the settings names a relation.

    A name that holds dots or quotes itself is matched as it is, too, so that a denial is never lost to spelling.
    """
    if key == relation.name:
        return True
    name = dialect.key(relation.name, quoted=True)
    if dialect.key(key, quoted=False) == name:
        return True
    *qualifiers, (last, quoted) = parts_of(key)
    if dialect.key(last, quoted=quoted) != name and last != relation.name:
        return False
    if not qualifiers:
        return True
    schema = dialect.key(relation.schema or dialect.schema or schemas[0], quoted=True)
    text, schema_quoted = qualifiers[-1]
    return dialect.key(text, quoted=schema_quoted) == schema
