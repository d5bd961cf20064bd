"""What each SQL dialect allows, as data: names of functions, of syntax nodes, of system relations.

Dialects differ here and nowhere else. Everything is an allow-list (security invariant P16): what is not
named is refused, so a function that a later release of an engine adds stays off until it is judged.
"""

from msgspec import Struct


class Dialect(Struct, frozen=True, kw_only=True):
    """The data of one SQL dialect.

    Args:
        name: the dialect as the parser names it.
        title: the dialect as people name it.
        schema: the one schema whose relations may be named.
        functions: scalar, aggregate and window functions, lower case.
        table_functions: functions that may stand where a table stands, lower case.
        nodes: classes of the syntax tree that may occur.
        foreign_functions: functions of other dialects that models write, and what this one has instead.
        system_prefixes: beginnings of relation names that belong to the engine, lower case.
    """

    name: str
    title: str
    schema: str
    functions: frozenset[str]
    table_functions: frozenset[str]
    nodes: frozenset[str]
    system_prefixes: tuple[str, ...]
    foreign_functions: dict[str, str]


_RELATIONAL = frozenset(
    """
    Select Union Except Intersect Values Subquery With CTE Table TableAlias From Join Where Group Having Order
    Ordered Limit Offset Distinct Alias Identifier Column Star Literal HexString Boolean Null Var Paren Tuple
    DataType DataTypeParam Window WindowSpec Filter Interval PropertyEQ
    """.split()
)

_OPERATORS = frozenset(
    """
    Add Sub Mul Div Mod Neg BitwiseAnd BitwiseOr BitwiseNot BitwiseLeftShift BitwiseRightShift DPipe And Or Not
    EQ NEQ GT GTE LT LTE Is NullSafeEQ NullSafeNEQ Between In Like Glob Match RegexpLike Escape Collate Exists
    Case If Cast JSONExtract JSONExtractScalar JSONKeyValue
    """.split()
)

# Functions that the parser gives a class of its own. Their SQL names are checked again by the engine.
_TYPED_FUNCTIONS = frozenset(
    """
    Abs Acos Acosh Asin Asinh Atan Atan2 Atanh Avg Ceil Chr Coalesce Concat ConcatWs Cos Cosh Count CumeDist
    CurrentDate CurrentTime CurrentTimestamp Date Degrees DenseRank Exp FirstValue Floor Format GenerateSeries
    Greatest GroupConcat Hex JSONArrayAgg JSONObject JSONObjectAgg JSONRemove JSONSet JSONType Lag LastValue
    Lead Least Length Ln Log Lower Max Median Min NthValue Ntile Nullif PercentRank PercentileCont
    PercentileDisc Pi Pow Radians Rand Rank Replace Round RowNumber Sign Sin Sinh Soundex Sqrt StrPosition
    Substring Sum Tan Tanh Time TimeToStr TsOrDsToTimestamp Trim Trunc Typeof Unhex Unicode Upper
    """.split()
)

_SQLITE_SCALAR = """
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

_SQLITE_AGGREGATE = """
    avg count group_concat json_group_array json_group_object jsonb_group_array jsonb_group_object max median
    min percentile percentile_cont percentile_disc string_agg sum total
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""

_SQLITE_FULL_TEXT = "bm25 highlight match matchinfo offsets snippet"

_FOREIGN_TO_SQLITE = {
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
    # Left out on purpose: load_extension, fts3_tokenizer, optimize (writes), rtreecheck and sqlite_offset
    # (read what no table shows), changes, last_insert_rowid and sqlite_version (tell about the server).
    functions=frozenset(f"{_SQLITE_SCALAR} {_SQLITE_AGGREGATE} {_SQLITE_FULL_TEXT}".split()),
    table_functions=frozenset({"json_each", "json_tree", "jsonb_each", "jsonb_tree", "generate_series"}),
    nodes=_RELATIONAL | _OPERATORS | _TYPED_FUNCTIONS | {"Anonymous"},
    system_prefixes=("sqlite_", "pragma_"),
    foreign_functions=_FOREIGN_TO_SQLITE,
)
