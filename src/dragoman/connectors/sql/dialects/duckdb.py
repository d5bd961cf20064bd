"""DuckDB: what its queries may say.

Left off the lists on purpose: whatever reads files or other servers (`read_csv`, `read_text`, `glob`, `sniff_csv`,
the scans of extensions), settings and variables (`current_setting`, `getenv`, `getvariable`), catalogs (`duckdb_*`,
`pragma_*`), sequences, and whatever runs SQL or names tables that it is given as a text (`query`, `query_table`).
"""

from dragoman.connectors.sql.dialects.dialect import Dialect, Masks
from dragoman.connectors.sql.dialects.nodes import OPERATORS, RELATIONAL

_NUMBERS = """
    abs acos acosh add asin asinh atan atan2 atanh bit_count cbrt ceil ceiling cos cosh cot degrees divide even exp
    factorial fdiv floor fmod gamma gcd greatest_common_divisor isfinite isinf isnan lcm least_common_multiple lgamma
    ln log log10 log2 mod multiply nextafter pi pow power radians random round round_even setseed sign signbit sin sinh
    sqrt subtract tan tanh trunc xor
"""

_TEXTS = """
    array_extract ascii bar base64 bin bit_length char_length character_length chr concat concat_ws contains
    damerau_levenshtein decode editdist3 encode ends_with format format_bytes formatReadableSize from_base64 from_hex
    hamming hash hex instr jaccard jaro_similarity jaro_winkler_similarity lcase left left_grapheme len length
    length_grapheme levenshtein like_escape lower lpad ltrim md5 nfc_normalize ord parse_dirname parse_filename
    position prefix printf regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches
    regexp_replace regexp_split_to_array repeat replace reverse right right_grapheme rpad rtrim sha1 sha256 split
    split_part starts_with str_split str_split_regex string_split string_split_regex string_to_array strip_accents
    strlen strpos substr substring substring_grapheme suffix to_base to_base64 to_binary to_hex translate trim ucase
    unbin unhex unicode upper url_decode url_encode
"""

_TIMES = """
    age century current_date current_time current_timestamp date_add date_diff date_part date_sub date_trunc datediff
    datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear decade epoch epoch_ms epoch_ns epoch_us era
    extract get_current_time get_current_timestamp hour isodow isoyear julian last_day localtime localtimestamp
    make_date make_time make_timestamp make_timestamptz microsecond millennium millisecond minute month monthname now
    quarter second strftime strptime time_bucket timezone timezone_hour timezone_minute to_centuries to_days to_decades
    to_hours to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp
    to_weeks to_years today try_strptime week weekday weekofyear year yearweek
"""

_JSON = """
    array_to_json from_json json json_array json_array_length json_contains json_exists json_extract
    json_extract_path json_extract_path_text json_extract_string json_group_array json_group_object
    json_group_structure json_keys json_merge_patch json_object json_pretty json_quote json_structure json_transform
    json_type json_valid json_value row_to_json to_json
"""

_LISTS = """
    array_aggregate array_append array_apply array_cat array_concat array_contains array_distance array_distinct
    array_dot_product array_filter array_grade_up array_has array_has_all array_has_any array_indexof array_intersect
    array_inner_product array_length array_pop_back array_pop_front array_position array_prepend array_push_back
    array_reduce array_resize array_reverse array_reverse_sort array_select array_slice array_sort array_to_string
    array_transform array_unique array_value array_where cardinality element_at filter flatten grade_up
    list_aggregate list_append list_apply list_concat list_contains list_cosine_similarity list_distance list_distinct
    list_dot_product list_element list_extract list_filter list_has list_has_all list_has_any list_indexof
    list_intersect list_pack list_position list_prepend list_reduce list_resize list_reverse list_reverse_sort
    list_select list_slice list_sort list_sum list_avg list_min list_max list_count list_transform list_unique
    list_value list_where list_zip map map_concat map_contains map_entries map_extract map_from_entries map_keys
    map_values range reduce repeat row struct_extract struct_insert struct_pack union_extract union_tag union_value
    unnest generate_series
"""

_OTHERS = """
    array coalesce error_free greatest if ifnull least nullif typeof uuid gen_random_uuid enum_code enum_first
    enum_last enum_range enum_range_boundary
"""

_AGGREGATE = """
    any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_min arg_min_null
    array_agg avg bit_and bit_or bit_xor bitstring_agg bool_and bool_or corr count count_if count_star countif
    covar_pop covar_samp entropy favg first fsum geomean geometric_mean group_concat histogram histogram_exact
    histogram_values kahan_sum kurtosis kurtosis_pop last list listagg mad max max_by mean median min min_by mode
    product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope
    regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness stddev stddev_pop stddev_samp string_agg sum
    sum_no_overflow sumkahan var_pop var_samp variance percentile_cont percentile_disc grouping grouping_id
    cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number
"""

_FULL_TEXT = "match_bm25"

_NODES = """
    AtTimeZone Extract Trim Substring StrPosition Interval Array Bracket Slice Struct Any All Lateral ILike SimilarTo
    RegexpLike RegexpILike Pow IntDiv JSONExtract JSONExtractScalar ArrayContainsAll ArrayContainedBy ArrayOverlaps
    StartsWith TryCast Lambda PropertyEQ Localtime Localtimestamp Cube Rollup GroupingSets Unnest Qualify Kwarg
    WithinGroup Glob IgnoreNulls Dot ToMap
"""

_TYPES = """
    tinyint smallint int bigint int128 utinyint usmallint uint ubigint uint128 decimal float double boolean
    text varchar char blob varbinary bit date time timetz timestamp timestampntz timestamptz timestamp_s timestamp_ms
    timestamp_ns interval json uuid array list struct map
"""

_FOREIGN = {
    "charindex": "strpos(text, part)",
    "curdate": "current_date",
    "date_format": "strftime(x, '%Y-%m')",
    "getdate": "now()",
    "iif": "if",
    "isnull": "ifnull",
    "julianday": "julian(x)",
    "nvl": "ifnull",
    "rand": "random()",
    "to_char": "strftime(x, '%Y-%m')",
    "to_date": "strptime(x, '%Y-%m-%d')",
    "total": "sum",
    "unixepoch": "epoch(x)",
}

DUCKDB = Dialect(
    name="duckdb",
    title="DuckDB",
    schema="main",
    comparison="insensitive",
    beginnings=frozenset({"select", "values", "with", "from", "("}),
    functions=frozenset(
        f"{_NUMBERS} {_TEXTS} {_TIMES} {_JSON} {_LISTS} {_OTHERS} {_AGGREGATE} {_FULL_TEXT}".lower().split()
    )
    - {"setseed", "parse_dirname"},
    table_functions=frozenset({"generate_series", "range", "unnest", "json_each", "json_tree"}),
    nodes=RELATIONAL | OPERATORS | frozenset(_NODES.split()),
    types=frozenset(_TYPES.split()),
    foreign_functions=_FOREIGN,
    system_prefixes=("duckdb_", "pragma_", "sqlite_", "pg_"),
    row_columns=frozenset({"rowid"}),
    masks=Masks(
        null="CASE WHEN FALSE THEN :value END",
        partial="""
            CASE WHEN :value IS NULL THEN NULL WHEN length(:value) < 4 THEN '***'
            WHEN :value LIKE '_%@_%._%' AND NOT :value LIKE '%@%@%' AND strpos(:value, ' ') = 0
            THEN left(:value, 1) || '***' || substr(:value, strpos(:value, '@'))
            ELSE left(:value, 1) || '***' END
        """,
        hash="""
            left(sha256(unhex(:opad) || unhex(sha256(unhex(:ipad) || encode(:value::VARCHAR)))), 16)
        """,
        text=r"^(n?varchar|char|bpchar|text|string|enum)\b[^\[]*$",
    ),
)
