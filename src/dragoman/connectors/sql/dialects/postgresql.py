"""PostgreSQL: what its queries may say.

Left off the lists on purpose: whatever reads or writes files, other servers, settings, sequences, large objects,
locks, statistics, sessions or the catalogs; whatever sleeps; whatever runs SQL that it is given as a text
(`query_to_xml`, `ts_stat`, `crosstab`); names of objects as values (`regclass` and its like), because they ask the
catalogs. `pg_typeof` and `current_database` tell about the server.
"""

from dragoman.connectors.sql.dialects.dialect import Dialect, Masks
from dragoman.connectors.sql.dialects.nodes import OPERATORS, RELATIONAL

_NUMBERS = """
    abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd
    degrees div exp factorial floor gcd lcm ln log log10 min_scale mod pi pow power radians random round scale sign
    sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket numeric int4 float8
"""

_TEXTS = """
    ascii bit_length btrim char_length character_length chr concat concat_ws convert_from convert_to decode encode
    format initcap left length lower lpad ltrim md5 normalize octet_length overlay parse_ident position quote_ident
    quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
    regexp_split_to_array regexp_substr repeat replace reverse right rpad rtrim sha224 sha256 sha384 sha512
    split_part starts_with string_to_array strpos substr substring to_ascii to_hex translate trim unistr upper
    bit_count get_bit get_byte set_bit set_byte soundex difference levenshtein metaphone dmetaphone similarity
    word_similarity strict_word_similarity show_trgm unaccent
"""

_TIMES = """
    age clock_timestamp current_date current_time current_timestamp date_bin date_part date_trunc isfinite
    justify_days justify_hours justify_interval localtime localtimestamp make_date make_interval make_time
    make_timestamp make_timestamptz now statement_timestamp timeofday timezone to_char to_date to_number
    to_timestamp transaction_timestamp
"""

_JSON = """
    array_to_json json_array_length json_build_array json_build_object json_extract_path json_extract_path_text
    json_object json_strip_nulls json_typeof jsonb_array_length jsonb_build_array jsonb_build_object
    jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_path_exists jsonb_path_match
    jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls
    jsonb_typeof row_to_json to_json to_jsonb
"""

_ARRAYS = """
    array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position
    array_positions array_prepend array_remove array_replace array_to_string array_upper cardinality trim_array
    isempty lower_inc lower_inf upper_inc upper_inf range_merge int4range int8range numrange tsrange tstzrange
    daterange
"""

_OTHERS = """
    coalesce greatest least nullif array num_nonnulls num_nulls row gen_random_uuid
    plainto_tsquery phraseto_tsquery websearch_to_tsquery to_tsquery to_tsvector ts_headline ts_rank ts_rank_cd
    setweight strip numnode querytree tsvector_to_array array_to_tsvector ts_delete ts_filter
"""

_AGGREGATE = """
    any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or count every json_agg json_object_agg jsonb_agg
    jsonb_object_agg max min range_agg range_intersect_agg string_agg sum
    corr covar_pop covar_samp regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
    regr_syy stddev stddev_pop stddev_samp var_pop var_samp variance
    mode percentile_cont percentile_disc grouping
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""

_ROWS = """
    generate_series generate_subscripts unnest json_array_elements json_array_elements_text json_each json_each_text
    json_object_keys jsonb_array_elements jsonb_array_elements_text jsonb_each jsonb_each_text jsonb_object_keys
    jsonb_path_query regexp_matches regexp_split_to_table string_to_table
"""

_NODES = """
    AtTimeZone Extract Trim Substring StrPosition Overlay Interval IntervalSpan Array Bracket Slice Any All Lateral
    ILike SimilarTo RegexpLike RegexpILike BitwiseXor Pow Sqrt Cbrt JSONExtract JSONExtractScalar JSONBExtract
    JSONBExtractScalar JSONBContainsTopKey JSONBContainsAllTopKeys JSONBContainsAnyTopKeys ArrayContainsAll
    ArrayContainedBy ArrayOverlaps MatchAgainst Overlaps StartsWith Localtime Localtimestamp Cube Rollup
    GroupingSets Fetch LimitOptions Kwarg WithinGroup BitString Unnest
"""

_TYPES = """
    smallint int bigint decimal float double boolean bit varbit
    text varchar char bpchar varbinary
    date time timetz timestamp timestamptz timestampntz interval
    json jsonb uuid array inet cidr tsvector tsquery money
    int4range int8range numrange tsrange tstzrange daterange
"""

_FOREIGN = {
    "charindex": "strpos(text, part)",
    "curdate": "current_date",
    "date_add": "x + interval '1 day'",
    "date_format": "to_char(x, 'YYYY-MM')",
    "date_sub": "x - interval '1 day'",
    "datediff": "a::date - b::date",
    "datetime": "to_timestamp or ::timestamp",
    "day": "extract(day from x)",
    "getdate": "now()",
    "group_concat": "string_agg(x, ', ')",
    "hour": "extract(hour from x)",
    "ifnull": "coalesce",
    "iif": "CASE WHEN ... END",
    "if": "CASE WHEN ... END",
    "instr": "strpos(text, part)",
    "isnull": "coalesce",
    "json_extract": "x -> 'name' or x ->> 'name'",
    "julianday": "extract(julian from x)",
    "len": "length",
    "median": "percentile_cont(0.5) within group (order by x)",
    "month": "extract(month from x)",
    "nvl": "coalesce",
    "printf": "format",
    "rand": "random",
    "strftime": "to_char(x, 'YYYY-MM')",
    "total": "sum",
    "unixepoch": "extract(epoch from x)",
    "year": "extract(year from x)",
}

POSTGRESQL = Dialect(
    name="postgresql",
    title="PostgreSQL",
    schema="public",
    comparison="folded",
    beginnings=frozenset({"select", "values", "with", "("}),
    functions=frozenset(f"{_NUMBERS} {_TEXTS} {_TIMES} {_JSON} {_ARRAYS} {_OTHERS} {_AGGREGATE} {_ROWS}".split()),
    table_functions=frozenset(_ROWS.split()),
    nodes=RELATIONAL | OPERATORS | frozenset(_NODES.split()),
    types=frozenset(_TYPES.split()),
    foreign_functions=_FOREIGN,
    system_prefixes=("pg_",),
    secret_columns=frozenset({"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"}),
    fence="offset",
    masks=Masks(
        null="CASE WHEN FALSE THEN :value END",
        partial="""
            CASE WHEN :value IS NULL THEN NULL WHEN length(:value::text) < 4 THEN '***'
            WHEN :value::text LIKE '_%@_%._%' AND :value::text NOT LIKE '%@%@%' AND strpos(:value::text, ' ') = 0
            THEN left(:value::text, 1) || '***' || substr(:value::text, strpos(:value::text, '@'))
            ELSE left(:value::text, 1) || '***' END
        """,
        hash="""
            left(encode(sha256(decode(:opad::text, 'hex') || sha256(
                decode(:ipad::text, 'hex') || convert_to(:value::text, 'UTF8')
            )), 'hex'), 16)
        """,
        text=r"^(character|text|citext|name|bpchar|varchar|char)\b[^\[]*$",
    ),
)
