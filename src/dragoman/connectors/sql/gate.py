"""The one way from somebody's statement to rows: policy, guard, bound values, the cost gate, the engine, sentences.

Nothing of this connector asks the engine for rows in any other way, whoever wrote the statement. Statements that were
let through are remembered, so that one that comes again is not parsed again.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from msgspec import structs

from dragoman import Principal, UsageError
from dragoman.connectors.sql import cost
from dragoman.connectors.sql.catalog import Count, Relation, fold
from dragoman.connectors.sql.engines.engine import (
    Engine,
    EngineFault,
    Page,
    Plan,
    Query,
    Scalar,
    Scan,
    SqlFault,
    SqlLimits,
)
from dragoman.connectors.sql.faults.sentences import sentence
from dragoman.connectors.sql.guard import Guard, Refused, Statement, UnknownRelation, Verbatim
from dragoman.connectors.sql.policy import Policy, View
from dragoman.connectors.sql.settings import RolePolicy, SqlSettings

SAMPLE_ROWS = 3
_MOST_POLICIES = 256  # sets of roles whose policy is kept compiled
_SAMPLE_SECONDS = 1.0
_SAMPLE_CELL_BYTES = 200
_UNREADABLE_ROWS = ("statement", "refused", "timeout", "too_big", "wide_row", "memory", "scratch")

CALLER: Final = "principal_"
_ATTRIBUTE: Final = re.compile(r":principal\.([A-Za-z_][A-Za-z0-9_]*)")

Confirm = Callable[[str], Awaitable[bool]]
"""Asks whoever called whether a dear statement shall run."""


class Gate:
    """Lets statements through to one database.

    Args:
        name: the connector's, for its sentences.
        engine: what runs statements.
        settings: what callers may do.
        key: the secret of hash masks.

    Raises:
        UsageError: a mask or a row filter can't be read.
    """

    def __init__(self, name: str, engine: Engine, settings: SqlSettings, key: bytes) -> None:
        self.name = name
        self.engine = engine
        self.dialect = engine.dialect.allowing(settings.allow_functions)
        self.limits = settings.limits()
        self.costs = settings.cost
        self.mark = "`" if self.dialect.name == "mysql" else '"'  # what names are quoted with
        self._sample_limits = structs.replace(
            self.limits,
            seconds=min(self.limits.seconds, _SAMPLE_SECONDS),
            cell_bytes=min(self.limits.cell_bytes, _SAMPLE_CELL_BYTES),
        )
        self._guard: Guard | Verbatim = Guard(self.dialect, self.limits, f"{name}_describe")
        if not self.dialect.parsed:
            self._guard = Verbatim(map(with_attributes, settings.declared_statements), self.dialect.title)
        self._settings = settings
        self._key = key
        self._roles: dict[str, RolePolicy] = {}
        self._policies: dict[tuple[str, ...], Policy] = {}
        self.use_roles(settings.roles)

    def use_roles(self, roles: Mapping[str, RolePolicy]) -> None:
        """Narrow what callers with these roles see, from now on; cursors of those it changes anything for end.

        Raises:
            UsageError: a mask or a row filter can't be read, or statements of this database can't be narrowed.
        """
        for name, role in roles.items():
            if role.has_policy and not self.dialect.parsed:
                raise UsageError(
                    f"roles.{name}: statements for {self.dialect.title} can't be narrowed; limit the role's tools"
                )
            Policy(self._settings, self.dialect, self._key, {name: role})
        self._roles = dict(roles)
        self._policies = {}
        self._policy = Policy(self._settings, self.dialect, self._key)

    @property
    def roles(self) -> Mapping[str, RolePolicy]:
        """What callers with a role see less of."""
        return self._roles

    def policy(self, principal: Principal) -> Policy:
        """Return what a caller may see, compiled once for its roles."""
        held = self._held(principal)
        if not held:
            return self._policy
        policy = self._policies.get(held)
        if policy is None:
            if len(self._policies) >= _MOST_POLICIES:
                self._policies.clear()
            roles = {name: self._roles[name] for name in held}
            policy = self._policies[held] = Policy(self._settings, self.dialect, self._key, roles)
        return policy

    def limits_of(self, principal: Principal, limits: SqlLimits | None = None) -> SqlLimits:
        """Return what a statement of a caller may use.

        Args:
            principal: who asks.
            limits: what holds for the statement itself, instead of the connector's.
        """
        least = self.limits if limits is None else limits
        for name in self._held(principal):
            role = self._roles[name]
            least = structs.replace(
                least,
                rows=min(least.rows, role.max_rows or least.rows),
                result_bytes=min(least.result_bytes, role.max_bytes or least.result_bytes),
                seconds=min(least.seconds, role.timeout or least.seconds),
            )
        return least

    def _held(self, principal: Principal) -> tuple[str, ...]:
        """The roles of a caller that narrow anything, in the order of the settings."""
        if not self._roles or not principal.roles:
            return ()
        return tuple(name for name in self._roles if name in principal.roles)

    def use_key(self, key: bytes) -> None:
        """Make hash masks of another secret from now on."""
        self._key = key
        self.use_roles(self._roles)

    async def view(self, principal: Principal, *, fresh: bool = False) -> View:
        """Return what a caller sees; `fresh` looks at the database anew.

        Raises:
            SqlFault: the database can't be read.
        """
        with self.told():
            catalog = await self.engine.catalog(fresh=fresh)
        return self.policy(principal).view(catalog)

    async def check(
        self, sql: str, principal: Principal, parameters: frozenset[str] = frozenset()
    ) -> tuple[Statement, View]:
        """Let a statement through; parsing is done in a thread: the longest takes a while and some of the stack.

        Raises:
            SqlFault: it is refused, or the database can't be read.
        """
        view = await self.view(principal)
        try:
            return await self._check(sql, view, parameters), view
        except UnknownRelation:  # unless it was made a moment ago
            view = await self.view(principal, fresh=True)
            return await self._check(sql, view, parameters), view

    async def run(
        self,
        sql: str,
        values: Mapping[str, Scalar],
        principal: Principal,
        *,
        skip: int = 0,
        rows: int,
        limits: SqlLimits | None = None,
        confirm: Confirm | None = None,
    ) -> Page:
        """Run one statement and return some of its rows.

        Args:
            sql: the statement.
            values: its parameters' values by name.
            principal: who asks: row filters use what is known of the caller.
            skip: rows to leave out at the beginning.
            rows: most rows to return.
            limits: its time and sizes, instead of the connector's.
            confirm: asks the caller about a dear statement.

        Raises:
            SqlFault: it was refused or failed; the text is one sentence for its author.
        """
        statement, view = await self.check(sql, principal, frozenset(values))
        if self._held(principal):
            limits = self.limits_of(principal, limits)
            rows = min(rows, limits.rows)
        query = statement.bind(values, attributes_of(principal), limit=skip + rows + 1)
        if cost.is_limited(self.costs):
            await self._admit(statement, query, view, confirm)
        try:
            return await self.engine.run(query, skip=skip, rows=rows, limits=limits)
        except EngineFault as fault:
            if fault.kind == "statement":
                view = await self.view(principal)  # the schema may have changed since
            raise SqlFault(self.sentence(fault, statement, view, limits)) from fault

    async def explain(self, sql: str, values: Mapping[str, Scalar], principal: Principal) -> Plan:
        """Return how a statement would be run, without running any of it.

        What the planner expects of relations that the caller sees in part or masked is left out: it knows all rows.

        Raises:
            SqlFault: the statement is refused or can't be planned.
        """
        statement, view = await self.check(sql, principal, frozenset(values))
        plan, whole = await self._plan(statement, statement.bind(values, attributes_of(principal)), view)
        if whole and not view.is_narrowed(statement.relations):
            return plan
        scans = tuple(Scan(scan.relation, None) for scan in plan.scans)
        return Plan(cost.veiled(plan.text), None, None, scans)

    async def sample(self, relation: Relation, principal: Principal) -> Page | None:
        """Return the first rows as anybody's query gives them, masks and all; None when they can't be read."""
        sql = f"SELECT * FROM {self.named(relation)} LIMIT {SAMPLE_ROWS}"  # noqa: S608 (a quoted name)
        return await self._glance(sql, principal, SAMPLE_ROWS)

    async def counts(self, relations: list[Relation], principal: Principal) -> dict[str, Count]:
        """Return how many rows the caller sees of each relation, by name, as far as a second reaches.

        Raises:
            SqlFault: the database can't be read.
        """
        view = await self.view(principal)
        whole = [relation for relation in relations if not view.is_filtered(relation)]
        with self.told():
            counted = dict(zip((each.name for each in whole), await self.engine.counts(whole), strict=True))
        for relation in relations:
            if relation.name not in counted:
                sql = f"SELECT count(*) FROM {self.named(relation)}"  # noqa: S608 (a quoted name)
                page = await self._glance(sql, principal, 1)
                counted[relation.name] = Count(page.rows[0][0] if page else None, exact=page is not None)
        return counted

    def named(self, relation: Relation) -> str:
        """Return the name of a relation as it stands in a statement."""
        mark = self.mark
        names = [relation.schema, relation.name] if relation.schema else [relation.name]
        return ".".join(mark + name.replace(mark, mark * 2) + mark for name in names)

    def sentence(
        self, fault: EngineFault, statement: Statement | None, view: View | None, limits: SqlLimits | None = None
    ) -> str:
        """Return what is told of a fault."""
        return sentence(fault, statement, view, self.dialect, limits or self.limits)

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Turn an engine's fault that no statement caused into its sentence."""
        try:
            yield
        except EngineFault as fault:
            raise SqlFault(self.sentence(fault, None, None)) from fault

    async def _check(self, sql: str, view: View, parameters: frozenset[str]) -> Statement:
        known = self._guard.passed(sql, view, parameters) if isinstance(self._guard, Guard) else None
        if known is not None:
            return known
        return await asyncio.to_thread(self._guard.check, sql, view, parameters)

    async def _plan(self, statement: Statement, query: Query, view: View) -> tuple[Plan, bool]:
        """Return a plan that names only relations that callers see, and whether it reads no others."""
        try:
            plan = await self.engine.explain(query)
        except EngineFault as fault:
            raise SqlFault(self.sentence(fault, statement, view)) from fault
        behind = cost.names_behind(statement.sql, self.dialect.name)

        def is_seen(name: str) -> bool:
            return fold(name) in behind or view.find(name) is not None or fold(name) in self.dialect.table_functions

        steps = cost.only_seen(plan.text, is_seen)
        scans: dict[str, Scan] = {}
        for scan in plan.scans:
            for name in behind.get(fold(scan.relation), [scan.relation]):
                relation = view.find(name)
                if relation is not None:
                    scans[relation.name] = Scan(relation.name, scan.rows)
        told = structs.replace(plan, text=plan.text if steps is None else steps, scans=tuple(scans.values()))
        return told, steps is None

    async def _glance(self, sql: str, principal: Principal, rows: int) -> Page | None:
        try:
            statement, _ = await self.check(sql, principal)
            query = statement.bind({}, attributes_of(principal), limit=rows)
            return await self.engine.run(query, skip=0, rows=rows, limits=self._sample_limits)
        except Refused:
            return None
        except EngineFault as fault:
            if fault.kind in _UNREADABLE_ROWS:
                return None  # a view that is broken, slow or calls what is not allowed
            raise SqlFault(self.sentence(fault, None, None)) from fault

    async def _admit(self, statement: Statement, query: Query, view: View, confirm: Confirm | None) -> None:
        """Hold a statement whose plan is too dear, or ask about it.

        Raises:
            SqlFault: it is too dear, and nobody said that it shall run.
        """
        plan, _ = await self._plan(statement, query, view)
        if self.costs.full_scan_rows:
            plan = await self._with_counts(plan, view)
        is_narrowed = view.is_narrowed(statement.relations)
        reasons = cost.reasons(plan, self.costs, numbered=not is_narrowed)
        if not reasons:
            return
        scanned = [relation for scan in plan.scans if (relation := view.find(scan.relation)) is not None]
        with self.told():
            details = {relation.name: await self.engine.describe(relation) for relation in scanned[:2]}
        advice = cost.advice(statement.sql, self.dialect.name, scanned[:2], details)
        about = f"the plan {' and '.join(reasons)}"
        steps = cost.veiled(plan.text) if is_narrowed else plan.text
        if self.costs.above == "confirm" and confirm is not None:
            if await confirm(f"{self.name}: {about}. Run it all the same?"):
                return
            raise SqlFault(f"{about}, and it was not confirmed: {advice}\nThe plan:\n{steps}")
        raise SqlFault(f"{about}: {advice}\nThe plan:\n{steps}")

    async def _with_counts(self, plan: Plan, view: View) -> Plan:
        """Return a plan with the number of rows of what it reads from end to end, where the planner said none."""
        unknown = [
            relation
            for scan in plan.scans
            if scan.rows is None and (relation := view.find(scan.relation)) is not None and relation.kind != "view"
        ]
        if not unknown:
            return plan
        with self.told():
            counted = dict(zip((each.name for each in unknown), await self.engine.counts(unknown), strict=True))
        scans = tuple(
            Scan(scan.relation, counted[scan.relation].rows) if scan.relation in counted else scan
            for scan in plan.scans
        )
        return structs.replace(plan, scans=scans)


def with_attributes(sql: str) -> str:
    """Return a declared statement whose `:principal.NAME` are parameters like others."""
    return _ATTRIBUTE.sub(lambda found: f":{CALLER}{found[1]}", sql)


def attributes_of(principal: Principal) -> dict[str, Scalar]:
    """Return what row filters may use of a caller; what is empty is not known, so that it meets no filter."""
    return {name: value for name, value in principal.attributes().items() if value != ""}
