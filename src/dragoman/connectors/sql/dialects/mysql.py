"""MySQL and MariaDB: what their queries may say.

Left off the lists on purpose: whatever reads or writes files (`load_file`), sleeps or burns time (`sleep`,
`benchmark`), locks, tells of the server, the session or the login (`version`, `user`, `database`, `found_rows`),
changes sequences, or fails with a value in its message (`extractvalue`, `updatexml`, `name_const`).
"""

from dragoman.connectors.sql.dialects.dialect import Dialect, Masks
from dragoman.connectors.sql.dialects.nodes import OPERATORS, RELATIONAL

_NUMBERS = """
    abs acos asin atan atan2 ceil ceiling conv cos cot crc32 degrees div exp floor ln log log10 log2 mod oct pi pow
    power radians rand round sign sin sqrt tan truncate bit_count
"""

_TEXTS = """
    ascii bin bit_length char_length character_length char chr concat concat_ws elt export_set field find_in_set
    format from_base64 hex insert instr lcase left length locate lower lpad ltrim make_set mid natural_sort_key
    octet_length ord position quote regexp_instr regexp_like regexp_replace regexp_substr repeat replace reverse right
    rpad rtrim sformat soundex space strcmp substr substring substring_index to_base64 trim ucase unhex upper
    md5 sha sha1 sha2 uncompress compress weight_string
"""

_TIMES = """
    adddate addtime convert_tz curdate current_date current_time current_timestamp curtime date date_add date_format
    date_sub datediff day dayname dayofmonth dayofweek dayofyear extract from_days from_unixtime hour
    last_day localtime localtimestamp makedate maketime microsecond minute month monthname now period_add period_diff
    quarter sec_to_time second str_to_date subdate subtime sysdate time time_format time_to_sec timediff timestamp
    timestampadd timestampdiff to_days to_seconds unix_timestamp utc_date utc_time utc_timestamp week weekday
    weekofyear year yearweek add_months months_between to_char
"""

_JSON = """
    json_array json_array_append json_array_insert json_compact json_contains json_contains_path json_depth
    json_detailed json_equals json_exists json_extract json_insert json_keys json_length json_loose json_merge_patch
    json_merge_preserve json_normalize json_object json_overlaps json_pretty json_query json_quote json_remove
    json_replace json_search json_set json_type json_unquote json_valid json_value
"""

_OTHERS = """
    coalesce greatest if ifnull isnull least nullif nvl nvl2 inet_aton inet_ntoa inet6_aton inet6_ntoa
    is_ipv4 is_ipv6 any_value
"""

_AGGREGATE = """
    avg bit_and bit_or bit_xor count group_concat json_arrayagg json_objectagg max median min percentile_cont
    percentile_disc std stddev stddev_pop stddev_samp sum var_pop var_samp variance grouping
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""

_NODES = """
    Extract Trim Substring StrPosition Interval GroupConcat Xor IntDiv RegexpLike MatchAgainst JSONExtract
    JSONExtractScalar BitwiseXor CharacterSet Collate Any All Localtime Localtimestamp BitString Lateral
    WithinGroup Rollup Binary
"""

_TYPES = """
    bigint ubigint int uint smallint tinyint decimal double float char nchar varchar text date datetime time year
    timestamp timestamptz timestampntz json binary varbinary character_set
"""

_FOREIGN = {
    "age": "timestampdiff(day, a, b)",
    "array_agg": "json_arrayagg",
    "char_index": "locate(part, text)",
    "charindex": "locate(part, text)",
    "date_part": "extract(year from x)",
    "date_trunc": "date_format(x, '%Y-%m-01')",
    "getdate": "now()",
    "iif": "if",
    "initcap": "concat(upper(left(x, 1)), lower(substr(x, 2)))",
    "julianday": "to_days(x)",
    "len": "char_length",
    "listagg": "group_concat",
    "nvl": "ifnull",
    "random": "rand()",
    "split_part": "substring_index",
    "strftime": "date_format(x, '%Y-%m')",
    "string_agg": "group_concat(x separator ', ')",
    "strpos": "locate(part, text)",
    "to_date": "str_to_date(x, '%Y-%m-%d')",
    "total": "sum",
    "trunc": "truncate",
    "unixepoch": "unix_timestamp(x)",
}

MYSQL = Dialect(
    name="mysql",
    title="MySQL",
    schema="",
    comparison="insensitive",
    beginnings=frozenset({"select", "values", "with", "("}),
    functions=frozenset(f"{_NUMBERS} {_TEXTS} {_TIMES} {_JSON} {_OTHERS} {_AGGREGATE}".split()),
    table_functions=frozenset(),
    nodes=RELATIONAL | OPERATORS | (frozenset(_NODES.split()) - {"Binary"}),
    types=frozenset(_TYPES.split()),
    foreign_functions=_FOREIGN,
    system_prefixes=(),
    labels=True,
    masks=Masks(
        null="CASE WHEN FALSE THEN :value END",
        partial="""
            CASE WHEN :value IS NULL THEN NULL WHEN CHAR_LENGTH(:value) < 4 THEN '***'
            WHEN :value LIKE '_%@_%._%' AND NOT :value LIKE '%@%@%' AND INSTR(:value, ' ') = 0
            THEN CONCAT(LEFT(:value, 1), '***', RIGHT(:value, CHAR_LENGTH(:value) - INSTR(:value, '@') + 1))
            ELSE CONCAT(LEFT(:value, 1), '***') END
        """,
        hash="""
            LEFT(SHA2(CONCAT(UNHEX(:opad), UNHEX(
                SHA2(CONCAT(UNHEX(:ipad), CONVERT(CAST(:value AS CHAR) USING utf8mb4)), 256)
            )), 256), 16)
        """,
        text=r"^(var|n|nvar)?char|^(tiny|medium|long)?text|^(enum|set)\b",
    ),
)
