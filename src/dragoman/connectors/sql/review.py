"""What an administrator should know of a served database: what looks personal and is shown, rights, open limits.

Names only: no row is read for it. A name looks personal when one of its words is on the list, in one of the languages
that schemas are written in.
"""

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from dragoman import ANONYMOUS, Exposed, Finding, Principal
from dragoman.connectors.sql.catalog import Column, Relation, fold
from dragoman.connectors.sql.engines.engine import EngineFault, SqlFault
from dragoman.connectors.sql.policy import View, matches_key
from dragoman.connectors.sql.search import words_of
from dragoman.connectors.sql.settings import SqlSettings

if TYPE_CHECKING:
    from dragoman.connectors.sql.connector import Sql

_MOST_MEMORY: Final = 1 << 30
_MOST_SECONDS: Final = 60.0
_MOST_ROWS: Final = 10_000
_MOST_SHOWN: Final = 8

# One word of a column's name, or two that follow each other; by what they say, in several languages.
_PERSONAL: Final = {
    "partial": """
        email mail e_mail phone telephone mobile fax cell telefon telefono téléphone telefone handy celular correo
        courriel iban bic
    """,
    "null": """
        ssn social_security birth birthday birthdate dob geburtsdatum geburtstag naissance nacimiento nascimento
        salary wage income gehalt lohn einkommen salaire sueldo salario stipendio religion gender sex geschlecht
        password passwd pwd passwort kennwort contraseña senha mot_passe secret token api_key apikey private_key
        credential pin cvv cvc credit_card card_number kreditkarte carte_credit tarjeta passport reisepass pasaporte
        passeport tax_id steuernummer dni cpf nif national_id health diagnosis diagnose krankheit medical salt hash
        address street adresse straße strasse rue dirección direccion calle endereço rua indirizzo postal_code zip plz
        latitude longitude ip_address
    """,
}
_MASKS: Final = {word: mask for mask, words in _PERSONAL.items() for word in words.split()}


def mask_for(column: Column) -> str | None:
    """Return the mask that a column's name asks for, or None when it does not look personal."""
    words = words_of(column.name)
    pairs = [f"{first}_{second}" for first, second in itertools.pairwise(words)]
    for word in [*pairs, *words]:
        mask = _MASKS.get(word) or _MASKS.get(word.replace("addres", "address"))
        if mask is not None:
            return mask
    return None


def exposed_of(relations: Iterable[Relation], view: View, settings: SqlSettings) -> list[Exposed]:
    """Return what callers see of each relation of the database."""
    told = []
    for relation in relations:
        seen = view.find(f'"{relation.schema}"."{relation.name}"' if relation.schema else relation.name)
        if seen is None:
            told.append(Exposed(name=relation.name, kind=relation.kind, served=False))
            continue
        columns = {fold(column.name) for column in seen.columns}
        told.append(
            Exposed(
                name=relation.name,
                kind=relation.kind,
                hidden=tuple(column.name for column in relation.columns if fold(column.name) not in columns),
                masked=dict(view.masked(seen)),
                rows=" and ".join(_conditions(relation, view, settings)) if view.is_filtered(seen) else "",
            )
        )
    return told


def _conditions(relation: Relation, view: View, settings: SqlSettings) -> list[str]:
    """Return the conditions that the settings give for the rows of a relation, as they are written there."""
    return [
        table.rows
        for key, table in settings.tables.items()
        if table.rows is not None and matches_key(view.dialect, key, relation, view.schemas)
    ]


async def review_of(sql: "Sql") -> list[Finding]:
    """Return what should be better about one connector."""
    findings = _limits(sql)
    try:
        view = await sql.gate.view(ANONYMOUS)
    except SqlFault as fault:
        return [*findings, Finding(text=f"{sql.name}: {fault}")]
    findings += [finding for relation in view.relations.values() for finding in _personal(sql.name, relation, view)]
    return findings + await faults_of(sql)


async def faults_of(sql: "Sql") -> list[Finding]:
    """Return what is plainly wrong: lines of the policy without effect, rights that are not needed, broken tools."""
    try:
        view = await sql.gate.view(ANONYMOUS)
    except SqlFault as fault:
        return [Finding(text=f"{sql.name}: {fault}")]
    problems = dict.fromkeys(view.problems)
    for role in sql.gate.roles:
        problems |= dict.fromkeys((await sql.gate.view(Principal(roles=(role,)))).problems)
    findings = [Finding(text=f"{sql.name}: {problem}") for problem in problems]
    try:
        rights = await sql.engine.rights()
    except EngineFault as fault:
        return [
            *findings,
            Finding(text=f"{sql.name}: its rights can't be told: {sql.gate.sentence(fault, None, None)}"),
        ]
    if rights.excess:
        text = f"{sql.name}: the database login may do more than it needs: {'; '.join(rights.excess)}"
        findings.append(Finding(text=text, remedy="\n".join(rights.remedy)))
    if rights.unknown:
        findings.append(Finding(text=f"{sql.name}: {rights.unknown}"))
    findings += [Finding(text=f"{sql.name}: {problem}") for problem in await sql.declared_problems()]
    return findings


def _personal(name: str, relation: Relation, view: View) -> list[Finding]:
    masked = {fold(column) for column in view.masked(relation)}
    found = {
        column.name: mask
        for column in relation.columns
        if fold(column.name) not in masked and (mask := mask_for(column)) is not None
    }
    if not found:
        return []
    names = ", ".join(list(found)[:_MOST_SHOWN]) + (", ..." if len(found) > _MOST_SHOWN else "")
    masks = ", ".join(f'{_key(column)} = "{mask}"' for column, mask in found.items())
    remedy = f"[connectors.{name}.tables.{_key(relation.name)}]\nmask = {{ {masks} }}"
    return [Finding(text=f"{name}: {relation.name} has columns that look personal and no mask: {names}", remedy=remedy)]


def _key(name: str) -> str:
    """Return a name as a key of TOML."""
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _limits(sql: "Sql") -> list[Finding]:
    settings = sql.settings
    return [
        Finding(text=f"{sql.name}: {name} = {value:g} {unit} is more than agents can use", remedy=f"{name} = {most:g}")
        for name, value, most, unit in (
            ("timeout", settings.timeout, _MOST_SECONDS, "seconds"),
            ("max_rows", settings.max_rows, _MOST_ROWS, "rows"),
            ("max_memory_bytes", settings.max_memory_bytes, _MOST_MEMORY, "bytes"),
        )
        if value > most
    ]
