"""What a statement of SQL mode may be made of: the allow-list. Data alone; `check` and `scope` hold a tree against it.

Whatever is not named here is refused, so that a new version of PostgreSQL or of its parser opens nothing. A function is
on the list when it reads no more than its arguments, and its result is at most a few times as long as they are (or
`schema/bounded.sql` puts a bounded one in its place, which its set here then says).
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Message of the parser's tree -> the fields of it that may be set.
NODES: Final[dict[str, frozenset[str]]] = {
    name: _words(fields)
    for name, fields in {
        "SelectStmt": "distinct_clause target_list from_clause where_clause group_clause having_clause window_clause "
        "values_lists sort_clause limit_offset limit_count limit_option with_clause op all larg rarg",
        "WithClause": "ctes location",
        "CommonTableExpr": "ctename aliascolnames ctematerialized ctequery location",
        "RangeVar": "schemaname relname inh relpersistence alias location",
        "RangeSubselect": "lateral subquery alias",
        "RangeFunction": "lateral ordinality functions alias",
        "JoinExpr": "jointype is_natural larg rarg using_clause quals",
        "Alias": "aliasname colnames",
        "ResTarget": "name val location",
        "ColumnRef": "fields location",
        "A_Star": "",
        "A_Expr": "kind name lexpr rexpr location rexpr_list_start rexpr_list_end",
        "A_Const": "ival fval boolval sval isnull location",
        "A_Indirection": "arg indirection",
        "A_Indices": "is_slice lidx uidx",
        "A_ArrayExpr": "elements location list_start list_end",
        "BoolExpr": "boolop args location",
        "BooleanTest": "arg booltesttype location",
        "CaseExpr": "arg args defresult location",
        "CaseWhen": "expr result location",
        "CoalesceExpr": "args location",
        "FuncCall": "funcname args agg_order agg_filter over agg_within_group agg_star agg_distinct funcformat "
        "location",
        "MinMaxExpr": "op args location",
        "NullTest": "arg nulltesttype location",
        "RowExpr": "args row_format location",
        "SQLValueFunction": "op typmod location",
        "SortBy": "node sortby_dir sortby_nulls location",
        "SubLink": "sub_link_type testexpr oper_name subselect location",
        "TypeCast": "arg type_name location",
        "TypeName": "names typmods typemod array_bounds location",
        "WindowDef": "name refname partition_clause order_clause frame_options start_offset end_offset location",
        "List": "items",
        "String": "sval",
        "Integer": "ival",
        "Float": "fval",
        "Boolean": "boolval",
    }.items()
}

# Instead of what is refused: for the hint.
INSTEAD: Final[dict[str, str]] = {
    "InsertStmt": "SQL mode reads; write through the API",
    "UpdateStmt": "SQL mode reads; write through the API",
    "DeleteStmt": "SQL mode reads; write through the API",
    "MergeStmt": "SQL mode reads; write through the API",
    "ExplainStmt": "send the SELECT alone; took_ms says how long it took",
    "ParamRef": "write the value itself; SQL mode takes no parameters",
    "GroupingSet": "UNION ALL of several GROUP BY",
    "LockingClause": "leave it out; SQL mode reads",
    "IntoClause": "leave it out; SQL mode reads",
    "NamedArgExpr": "give the arguments by position",
    "CollateClause": "leave it out; everything is compared as bytes",
    "position": "strpos(text, part)",
    "concat": "a || b, with coalesce(…, '') where it may be null",
    "concat_ws": "a || ', ' || b",
    "format": "a || b",
    "lpad": "to_char(n, '000')",
    "rpad": "a || b",
    "repeat": "write the text itself",
    "generate_series": "group by date_trunc('month', …)",
    "json_agg": "jsonb_agg",
    "json_build_object": "jsonb_build_object",
    "json_build_array": "jsonb_build_array",
    "json_object_agg": "jsonb_agg(jsonb_build_object('key', …, 'value', …))",
    "jsonb_object_agg": "jsonb_agg(jsonb_build_object('key', …, 'value', …))",
    "row_to_json": "to_jsonb",
    "to_json": "to_jsonb",
    "array_append": "a || b",
    "array_cat": "a || b",
    "jsonb_path_query": "-> and ->>, or jsonb_array_elements",
    "jsonb_path_exists": "@>",
    "clock_timestamp": "now()",
}

AGGREGATES: Final = _words(
    """
    count sum avg min max bool_and bool_or every any_value stddev stddev_pop stddev_samp variance var_pop var_samp
    corr covar_pop covar_samp regr_slope regr_intercept regr_r2 regr_count percentile_cont percentile_disc mode
    string_agg array_agg jsonb_agg
    """
)
WINDOW: Final = _words(
    """
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
    """
)
# Rows from one value: in FROM, and but for the pairs in the list of columns.
ROW_FUNCTIONS: Final = _words(
    """
    unnest jsonb_array_elements jsonb_array_elements_text jsonb_object_keys string_to_table regexp_split_to_table
    """
)
PAIR_FUNCTIONS: Final = _words("jsonb_each jsonb_each_text")
TEXT: Final = _words(
    """
    length char_length character_length octet_length lower upper initcap left right substr substring strpos
    btrim ltrim rtrim trim reverse split_part starts_with md5 ascii chr replace translate regexp_replace
    regexp_match regexp_count regexp_like regexp_substr regexp_split_to_array string_to_array to_char to_number
    similarity word_similarity strict_word_similarity
    """
)
NUMBERS: Final = _words(
    """
    abs ceil ceiling floor round trunc sign sqrt cbrt power exp ln log mod width_bucket random
    """
)
TIMES: Final = _words(
    """
    now age date_trunc date_part date_bin extract make_date to_date to_timestamp timezone overlaps justify_days
    justify_hours justify_interval isfinite uuid_extract_timestamp
    """
)
VALUES: Final = _words(
    """
    jsonb_array_length jsonb_typeof jsonb_extract_path jsonb_extract_path_text jsonb_build_object
    jsonb_build_array jsonb_strip_nulls to_jsonb array_length array_lower array_upper cardinality array_position
    array_positions array_remove array_to_string
    """
)
FUNCTIONS: Final = AGGREGATES | WINDOW | ROW_FUNCTIONS | PAIR_FUNCTIONS | TEXT | NUMBERS | TIMES | VALUES

# What the grammar itself calls, as pg_catalog's: EXTRACT(… FROM …), AT TIME ZONE, LIKE … ESCAPE.
SYNTAX_FUNCTIONS: Final = _words(
    """
    extract substring btrim ltrim rtrim timezone overlaps like_escape similar_to_escape
    """
)
# Their results hold all of their arguments, each time: how much goes in is limited.
GATHERING: Final = _words("jsonb_build_object jsonb_build_array to_jsonb")
# A picture that comes from the data could be as long as the data.
LITERAL_ARGUMENT: Final[dict[str, int]] = {"to_char": 1, "to_number": 1, "to_date": 1, "to_timestamp": 1}
MOST_ARGUMENTS: Final[dict[str, int]] = {"unnest": 1, "regexp_replace": 4, "log": 1, "percentile_cont": 1}

OPERATORS: Final = _words(
    """
    = <> < > <= >= + - * / % ^ || ~~ !~~ ~~* !~~* ~ ~* !~ !~* -> ->> #> #>> @> <@ ? ?| ?& && <-> <% %>
    """
)
PREFIX_OPERATORS: Final = _words("+ -")

TYPES: Final = _words(
    """
    text varchar int2 int4 int8 float4 float8 numeric bool date time timetz timestamp timestamptz interval uuid
    jsonb
    """
)

EXPRESSION_KINDS: Final = _words(
    """
    AEXPR_OP AEXPR_OP_ANY AEXPR_OP_ALL AEXPR_DISTINCT AEXPR_NOT_DISTINCT AEXPR_NULLIF AEXPR_IN AEXPR_LIKE
    AEXPR_ILIKE AEXPR_SIMILAR AEXPR_BETWEEN AEXPR_NOT_BETWEEN AEXPR_BETWEEN_SYM AEXPR_NOT_BETWEEN_SYM
    """
)
SUBLINK_KINDS: Final = _words("EXISTS_SUBLINK ALL_SUBLINK ANY_SUBLINK ROWCOMPARE_SUBLINK EXPR_SUBLINK")
TIME_VALUES: Final = _words(
    """
    SVFOP_CURRENT_DATE SVFOP_CURRENT_TIME SVFOP_CURRENT_TIME_N SVFOP_CURRENT_TIMESTAMP SVFOP_CURRENT_TIMESTAMP_N
    SVFOP_LOCALTIME SVFOP_LOCALTIME_N SVFOP_LOCALTIMESTAMP SVFOP_LOCALTIMESTAMP_N
    """
)

# Each table may be sorted or hashed once, each sort takes work_mem: the product is what a statement may take.
MOST_TABLES: Final = 20
MOST_SUBSELECTS: Final = 20
MOST_COLUMNS: Final = 120
"""Of one row: each may hold as much as `bounded.sql` lets a value be."""
MOST_SORTS: Final = 20
"""Of windows, of DISTINCT and of ORDER BY within aggregates."""
MOST_CHARACTERS: Final = 20_000
MOST_DIGITS: Final = 40
