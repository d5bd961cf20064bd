"""SQLite: what its queries may say. Types are not listed: SQLite takes any word for one."""

from dragoman.connectors.sql.dialects.dialect import Dialect, Masks
from dragoman.connectors.sql.dialects.nodes import OPERATORS, RELATIONAL

_SCALAR = """
    abs char coalesce concat concat_ws format glob hex if ifnull iif instr length like likelihood likely lower
    ltrim max min nullif octet_length printf quote random randomblob regexp replace round rtrim sign soundex
    substr substring trim typeof unhex unicode unistr unlikely upper zeroblob -> ->>
    acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow
    power radians sin sinh sqrt tan tanh trunc
    current_date current_time current_timestamp date datetime julianday strftime time timediff unixepoch
    json json_array json_array_length json_error_position json_extract json_insert json_object json_patch
    json_pretty json_quote json_remove json_replace json_set json_type json_valid jsonb jsonb_array
    jsonb_extract jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set
"""

_AGGREGATE = """
    avg count group_concat json_group_array json_group_object jsonb_group_array jsonb_group_object max median
    min percentile percentile_cont percentile_disc string_agg sum total
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""

_FULL_TEXT = "bm25 highlight match matchinfo offsets snippet"

_FOREIGN = {
    "char_length": "length",
    "date_format": "strftime('%Y-%m', x)",
    "date_part": "strftime('%Y', x)",
    "date_trunc": "strftime('%Y-%m-01', x)",
    "extract": "strftime('%Y', x)",
    "day": "strftime('%d', x)",
    "greatest": "max",
    "hour": "strftime('%H', x)",
    "isnull": "ifnull",
    "least": "min",
    "left": "substr(x, 1, n)",
    "len": "length",
    "month": "strftime('%m', x)",
    "now": "datetime('now')",
    "nvl": "ifnull",
    "rand": "random",
    "regexp": "LIKE or GLOB",
    "right": "substr(x, -n)",
    "to_char": "strftime('%Y-%m', x)",
    "year": "strftime('%Y', x)",
}

SQLITE = Dialect(
    name="sqlite",
    title="SQLite",
    schema="main",
    comparison="insensitive",
    # Left out on purpose: load_extension, fts3_tokenizer, optimize (writes), rtreecheck and sqlite_offset
    # (read what no table shows), changes, last_insert_rowid and sqlite_version (tell about the server).
    functions=frozenset(f"{_SCALAR} {_AGGREGATE} {_FULL_TEXT}".split()),
    table_functions=frozenset({"json_each", "json_tree", "jsonb_each", "jsonb_tree", "generate_series"}),
    nodes=RELATIONAL | OPERATORS | {"Glob", "Match", "RegexpLike", "JSONExtract", "JSONExtractScalar"},
    system_prefixes=("sqlite_", "pragma_"),
    foreign_functions=_FOREIGN,
    row_columns=frozenset({"rowid", "oid", "_rowid_"}),
    labels=True,
    forward="always",
    masks=Masks(
        null="CASE WHEN 0 THEN :value END",
        # typeof: any column of SQLite may hold any type, whatever was declared.
        partial="""
            CASE WHEN typeof(:value) <> 'text' THEN NULL WHEN length(:value) < 4 THEN '***'
            WHEN :value LIKE '_%@_%._%' AND :value NOT LIKE '%@%@%' AND instr(:value, ' ') = 0
            THEN substr(:value, 1, 1) || '***' || substr(:value, instr(:value, '@'))
            ELSE substr(:value, 1, 1) || '***' END
        """,
        hash="dragoman_hash(:ipad, :opad, :value)",
        text="",
    ),
)
