"""Attacks on masks, denied columns, denied tables and row filters.

The music shop is served without `Employee`; of `Customer` without `Fax`, with masked `Email` (partial), `Phone`
(null), `LastName` (hash), `Address` (constant) and `PostalCode` (an expression), and only rows of Canada. Statements
are written with `{Customer}` for a name, so that one table serves all dialects.
"""

from collections.abc import Iterator

from dragoman.connectors.sql.settings import MaskRule, TablePolicy
from tests.connectors.sql.attacks.attack import MASKED, Attack, attacks

UNKNOWN_TABLE = "no such table"
UNKNOWN_COLUMN = "no such column"


DENIED = "Employee"


def customer(quote: str) -> TablePolicy:
    """Return what of customers is shown; names stand in the quotes of a dialect."""
    return TablePolicy(
        deny_columns=("Fax",),
        mask={
            "Email": "partial",
            "Phone": "null",
            "LastName": "hash",
            "Address": MaskRule(constant="somewhere"),
            "PostalCode": MaskRule(sql=f"CASE WHEN {quote}PostalCode{quote} IS NULL THEN 'x' ELSE '***' END"),
        },
        rows=f"{quote}Country{quote} = :principal.country",
    )


# Parts of true values: of Canadian customers' masked and denied columns, of other customers, of employees.
SECRETS = (
    "ftremblay", "mphilips", "jenniferp", "robbrown", "Tremblay", "Philips", "Peterson", "ellie.sullivan",
    "721-4711", "434-4554", "688-2255", "363-8888", "434-5565", "688-8756",
    "1498 rue", "8210 111", "700 W Pender", "796 Dundas", "H2G 1A7", "T6G 2C7",
    "Luís", "luisg", "Köhler", "leonekohler", "Stuttgart", "Bjørn", "São José", "František",
    "Adams", "Nancy", "Callahan", "chinookcorp", "Lethbridge",
)  # fmt: skip

_TEMPLATES = (
    *attacks(
        "reads a masked column",
        ("SELECT * FROM {Customer}", MASKED),
        ("SELECT {Email}, {Phone}, {LastName}, {Address}, {PostalCode} FROM {Customer}", MASKED),
        ("SELECT c.{Email} FROM {Customer} c", MASKED),
        ("SELECT c.* FROM {Customer} AS c", MASKED),
        ("SELECT {Customer}.* FROM {Customer}", MASKED),
        ("SELECT x FROM (SELECT {Email} AS x FROM {Customer}) y", MASKED),
        ("WITH c AS (SELECT * FROM {Customer}) SELECT {Email}, {Phone} FROM c", MASKED),
        ("WITH {Customer} AS (SELECT * FROM {Customer}) SELECT * FROM {Customer}", MASKED),
        ("SELECT upper({Email}) FROM {Customer}", MASKED),
        ("SELECT max({LastName}), min({Email}), max({Address}) FROM {Customer}", MASKED),
        ("SELECT coalesce({Phone}, {Email}) FROM {Customer}", MASKED),
        ("SELECT CASE WHEN {Phone} IS NULL THEN {LastName} ELSE {Phone} END FROM {Customer}", MASKED),
        ("SELECT a.{Email} FROM {Customer} a JOIN {Customer} b USING ({Email})", MASKED),
        ("SELECT * FROM {Customer} NATURAL JOIN (SELECT 1 AS one) o", MASKED),
        ("SELECT 'x' UNION ALL SELECT {Email} FROM {Customer}", MASKED),
        ("SELECT {LastName} FROM {Customer} EXCEPT SELECT 'x'", MASKED),
        ("SELECT (SELECT max({Phone}) FROM {Customer}) AS p", MASKED),
        ("SELECT {FirstName} FROM {Customer} WHERE {Email} LIKE 'ftremblay%'", MASKED),
        ("SELECT {FirstName} FROM {Customer} WHERE {LastName} = 'Tremblay'", MASKED),
        ("SELECT {FirstName} FROM {Customer} WHERE {Phone} LIKE '%721-4711'", MASKED),
        ("SELECT count(*) FROM {Customer} GROUP BY {LastName} HAVING {LastName} > 'T'", MASKED),
        ("SELECT {Email}, count(*) FROM {Customer} GROUP BY {Email} ORDER BY {Phone} DESC", MASKED),
        ("SELECT count(DISTINCT {Email}), count({Phone}) FROM {Customer}", MASKED),
        ("SELECT rank() OVER (ORDER BY {Phone}), first_value({Email}) OVER (ORDER BY 1) FROM {Customer}", MASKED),
        ("WITH c(e, p) AS (SELECT {Email}, {Phone} FROM {Customer}) SELECT c.e, p FROM c", MASKED),
        ("SELECT CAST({Email} AS DECIMAL) FROM {Customer}", MASKED),
        ("SELECT CAST({Address} AS INTEGER) FROM {Customer}", MASKED),
        ("SELECT 1 / (length({LastName}) - 8) FROM {Customer}", MASKED),
        (
            ("SELECT i.{Total}, c.{LastName}, c.{Phone} FROM {Invoice} i JOIN {Customer} c "
            "ON i.{CustomerId} = c.{CustomerId}"),
            MASKED,
        ),
        ("SELECT 1 FROM {Artist} WHERE EXISTS (SELECT 1 FROM {Customer} WHERE {Phone} IS NOT NULL)", MASKED),
        ("SELECT {Name} FROM {Artist} ORDER BY (SELECT max({Phone}) FROM {Customer}) LIMIT 2", MASKED),
        ("SELECT {Email} IN (SELECT {Email} FROM {Customer}) FROM {Customer}", MASKED),
    ),
    *attacks(
        "reads a denied column",
        ("SELECT {Fax} FROM {Customer}", MASKED),
        ("SELECT c.{Fax} FROM {Customer} c", UNKNOWN_COLUMN),
        ("SELECT {Customer}.{Fax} FROM {Customer}", UNKNOWN_COLUMN),
        ("SELECT {FirstName} FROM {Customer} ORDER BY {Fax}", MASKED),
        ("SELECT {FirstName} FROM {Customer} WHERE {Fax} IS NOT NULL", MASKED),
        ("SELECT count({Fax}) FROM {Customer}", MASKED),
        ("SELECT a.{FirstName} FROM {Customer} a JOIN {Customer} b USING ({Fax})", MASKED),
        ("SELECT a.{FirstName} FROM {Customer} a JOIN {Customer} b ON a.{Fax} = b.{Fax}", UNKNOWN_COLUMN),
        ("SELECT (SELECT c.{Fax}) FROM {Customer} c", UNKNOWN_COLUMN),
        ("SELECT x.{Fax} FROM (SELECT * FROM {Customer}) x", MASKED),
        ("WITH c AS (SELECT * FROM {Customer}) SELECT {Fax} FROM c", MASKED),
    ),
    *attacks(
        "reads rows outside the filter",
        ("SELECT {FirstName}, {City} FROM {Customer} WHERE 1 = 1 OR {Country} = 'Germany'", MASKED),
        ("SELECT {City} FROM {Customer} WHERE {Country} <> 'Canada'", MASKED),
        ("SELECT DISTINCT {Country} FROM {Customer}", MASKED),
        ("SELECT count(*) FROM {Customer}", MASKED),
        ("SELECT a.{City} FROM {Customer} a LEFT JOIN {Customer} b ON a.{Country} <> b.{Country}", MASKED),
        ("SELECT b.{City} FROM {Artist} a LEFT JOIN {Customer} b ON 1 = 1", MASKED),
        ("SELECT max({City}) OVER () FROM {Customer}", MASKED),
        ("SELECT {City} FROM {Customer} UNION SELECT {City} FROM {Customer}", MASKED),
        ("SELECT :principal.country", "parameter|syntax error|no part"),
        ("SELECT {City} FROM {Customer} WHERE {Country} = :principal.country", "parameter|syntax error|no part"),
        ("SELECT :principal_country", "parameter"),
        ("SELECT {City} FROM {Customer} WHERE 1 = :known_country", "parameter"),
        ("SELECT {City} FROM {Customer} WHERE ({Country} = 'Germany') -- ", MASKED),
        ("SELECT {City} FROM {Customer}) AS c WHERE 1 = 1 OR ({Country} <> 'x'", "syntax error|ends too early"),
    ),
    *attacks(
        "reads a denied table, or tells that it is there",
        ("SELECT * FROM {Employee}", UNKNOWN_TABLE),
        ("SELECT e.{LastName} FROM {Employee} e", UNKNOWN_TABLE),
        ("SELECT (SELECT max({LastName}) FROM {Employee})", UNKNOWN_TABLE),
        ("WITH e AS (SELECT * FROM {Employee}) SELECT * FROM e", UNKNOWN_TABLE),
        ("WITH e AS (SELECT 1), x AS (SELECT * FROM {Employee}) SELECT * FROM x", UNKNOWN_TABLE),
        ("SELECT 1 FROM {Artist} WHERE EXISTS (SELECT 1 FROM {Employee})", UNKNOWN_TABLE),
        ("SELECT 1 UNION SELECT count(*) FROM {Employee}", UNKNOWN_TABLE),
        ("SELECT 1 FROM {Artist}, {Employee}", UNKNOWN_TABLE),
        ("SELECT 1 FROM {Artist} JOIN {Employee} ON 1 = 1", UNKNOWN_TABLE),
        ("SELECT * FROM (SELECT * FROM (SELECT * FROM {Employee}) a) b", UNKNOWN_TABLE),
        ("SELECT (WITH {Employee} AS (SELECT 1 AS x) SELECT x FROM {Employee}), 1 FROM {Employee}", UNKNOWN_TABLE),
        ("WITH a AS (WITH {Employee} AS (SELECT 1 AS x) SELECT 1) SELECT * FROM {Employee}", UNKNOWN_TABLE),
        ("SELECT * FROM (WITH {Employee} AS (SELECT 1 AS x) SELECT x FROM {Employee}) a, {Employee} b", UNKNOWN_TABLE),
        ("WITH {Employee} AS (SELECT 1 AS x) SELECT * FROM {Employee}", MASKED),
        ("SELECT * FROM {Emploee}", UNKNOWN_TABLE),
        ("SELECT dragoman_hash('00', '00', {FirstName}) FROM {Customer}", "function 'dragoman_hash' can't be used"),
        ("SELECT * FROM dragoman_1", UNKNOWN_TABLE),
        ("WITH x AS (SELECT 1) SELECT * FROM dragoman_1", UNKNOWN_TABLE),
    ),
)  # fmt: skip


class _Names(dict[str, str]):
    """Names in quotes of one dialect."""

    def __init__(self, quote: str) -> None:
        super().__init__()
        self.quote = quote

    def __missing__(self, name: str) -> str:
        return f"{self.quote}{name}{self.quote}"


def of_policy(quote: str) -> Iterator[Attack]:
    """Return the attacks on policy with names in the quotes of a dialect."""
    for attack in _TEMPLATES:
        yield attack._replace(sql=attack.sql.format_map(_Names(quote)))
