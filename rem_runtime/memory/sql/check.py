"""The allow-list, held against a tree: kinds of node, functions, operators, types, constants. Pure.

Which relations and columns are meant, and how much they amount to, is `scope`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from rem_runtime.memory.errors import DialectError
from rem_runtime.memory.sql import allowed
from rem_runtime.memory.sql.scope import check_scopes
from rem_runtime.memory.sql.tree import Message, Source, Statement, children, kind_of, parse_statement, strings, word

_WHERE_TO_READ: Final = "docs/sql-mode.md lists what can be used"
_RANGES = frozenset({"RangeVar", "RangeSubselect", "RangeFunction"})


def check_statement(text: str) -> Statement:
    """The one SELECT of a text, with nothing in it that is not on the list; raises DialectError."""
    statement = parse_statement(text)
    check_list(statement)
    check_scopes(statement.tree, statement.source)
    return statement


def check_list(statement: Statement) -> None:
    """Raises DialectError for whatever is not on the list; names of tables and columns are `scope`'s."""
    if kind_of(statement.tree) != "SelectStmt":
        kind = kind_of(statement.tree)
        hint = allowed.INSTEAD.get(kind, "SQL mode reads: SELECT, WITH, VALUES or TABLE")
        raise statement.source.fault(f"{_named(kind)} is not possible here", hint, byte=len(_before(statement)))
    _Check(statement.source).walk(statement.tree)


def _before(statement: Statement) -> bytes:
    skipped = statement.body[: len(statement.body) - len(statement.body.lstrip())]
    return (statement.source.text[: statement.start] + skipped).encode()


def _named(kind: str) -> str:
    """A kind of node in people's words: InsertStmt is INSERT."""
    words = kind.removesuffix("Stmt").removesuffix("Expr").removesuffix("Clause")
    return "".join(f" {letter}" if letter.isupper() and index else letter for index, letter in enumerate(words)).upper()


@dataclass(slots=True)
class _Check:
    source: Source
    counts: Counter[str] = field(default_factory=Counter)
    place: Message = None
    """The nearest node above that knows where it stands."""

    def walk(self, message: Message, *, parent: str = "", under: str = "") -> None:
        kind = kind_of(message)
        fields = allowed.NODES.get(kind)
        if getattr(message, "location", 0) > 0:
            self.place = message
        if fields is None:
            raise self.fault(f"{_named(kind)} is not possible here", allowed.INSTEAD.get(kind, _WHERE_TO_READ))
        for descriptor, _ in message.ListFields():
            if descriptor.name not in fields:
                raise self._field_fault(message, kind, descriptor.name)
        if kind in _OWN:
            _OWN[kind](self, message)
        if kind == "FuncCall" and _is_row_function(message) and not _may_give_rows(parent, under):
            raise self.fault(f"{strings(message.funcname)[-1]} gives rows", "use it in FROM or as a column by itself")
        if kind in _RANGES:
            self.count("tables", allowed.MOST_TABLES, "join fewer tables in one statement")
        here = self.place
        for name, child in children(message):
            self.place = here
            self.walk(child, parent=kind if kind != "List" else parent, under=name if kind != "List" else under)

    def fault(self, reason: str, hint: str) -> DialectError:
        return self.source.fault(reason, hint, node=self.place)

    def count(self, what: str, most: int, hint: str) -> None:
        self.counts[what] += 1
        if self.counts[what] > most:
            raise self.fault(f"more than {most} {what}", hint)

    def _field_fault(self, message: Message, kind: str, name: str) -> DialectError:
        if (kind, name) in _FIELD_WORDS:
            return self.fault(*_FIELD_WORDS[kind, name])
        inner = next((kind_of(child) for under, child in children(message) if under == name), "")
        hint = allowed.INSTEAD.get(inner, _WHERE_TO_READ)
        return self.fault(f"{_named(inner) or name} is not possible here", hint)

    def function(self, call: Message) -> None:
        names = strings(call.funcname)
        shown = ".".join(names)
        if word(call, "funcformat") == "COERCE_SQL_SYNTAX":
            if names[:1] != ["pg_catalog"] or len(names) != 2 or names[1] not in allowed.SYNTAX_FUNCTIONS:
                hint = allowed.INSTEAD.get(names[-1], _WHERE_TO_READ)
                raise self.fault(f"the function {names[-1]} is not on the list", hint)
            if names[1] in _TRIMS and len(call.args) > 1:
                raise self.fault("TRIM(… FROM …) is not possible here", f"write {names[1]}(text, characters)")
        elif len(names) != 1:
            hint = f"write {names[-1]}(…)" if names[-1] in allowed.FUNCTIONS else _WHERE_TO_READ
            raise self.fault(f"{shown}: a function has no schema here", hint)
        elif names[0] not in allowed.FUNCTIONS:
            raise self.fault(f"the function {shown} is not on the list", allowed.INSTEAD.get(names[0], _WHERE_TO_READ))
        if len(call.args) > allowed.MOST_ARGUMENTS.get(names[-1], 100):
            raise self.fault(
                f"{names[-1]} takes at most {allowed.MOST_ARGUMENTS[names[-1]]} arguments here", _WHERE_TO_READ
            )
        self._literal_arguments(names[-1], call)
        if call.HasField("over") or call.agg_distinct or call.agg_order:
            self.count("sorts in windows and aggregates", allowed.MOST_SORTS, "ask in several statements")

    def _literal_arguments(self, name: str, call: Message) -> None:
        position = allowed.LITERAL_ARGUMENT.get(name)
        if name == "regexp_replace":
            position = 3
        if position is None or len(call.args) <= position:
            return
        if call.args[position].WhichOneof("node") != "a_const" or not call.args[position].a_const.HasField("sval"):
            raise self.fault(f"argument {position + 1} of {name} must be a text written out", f"{name}(…, '…')")

    def operator(self, expression: Message) -> None:
        if (kind := word(expression, "kind")) not in allowed.EXPRESSION_KINDS:
            raise self.fault(f"{kind} is not possible here", _WHERE_TO_READ)
        if "BETWEEN" not in kind:
            self.operator_name(strings(expression.name), prefix=not expression.HasField("lexpr"))

    def operator_name(self, names: list[str], *, prefix: bool = False) -> None:
        if len(names) != 1:
            raise self.fault("an operator has no schema here", f"write {names[-1]}")
        if names[0] not in (allowed.PREFIX_OPERATORS if prefix else allowed.OPERATORS):
            raise self.fault(f"the operator {names[0]} is not on the list", _WHERE_TO_READ)

    def type_name(self, type_name: Message) -> None:
        names = strings(type_name.names)
        if len(names) == 2 and names[0] == "pg_catalog":
            names = names[1:]
        if len(names) != 1 or names[0] not in allowed.TYPES:
            raise self.fault(f"the type {'.'.join(names)} is not on the list", "of types there are " + _types())

    def constant(self, constant: Message) -> None:
        if constant.HasField("fval") and len(constant.fval.fval) > allowed.MOST_DIGITS:
            raise self.fault(f"a number of more than {allowed.MOST_DIGITS} digits", "write a shorter one")

    def sublink(self, sublink: Message) -> None:
        self.count("subselects", allowed.MOST_SUBSELECTS, "join instead, or ask in several statements")
        if (kind := word(sublink, "sub_link_type")) not in allowed.SUBLINK_KINDS:
            hint = "(select array_agg(…) from …)" if kind == "ARRAY_SUBLINK" else _WHERE_TO_READ
            raise self.fault(f"{kind.removesuffix('_SUBLINK')}(SELECT …) is not possible here", hint)
        if sublink.oper_name:
            self.operator_name(strings(sublink.oper_name))

    def time_value(self, value: Message) -> None:
        if (kind := word(value, "op")) not in allowed.TIME_VALUES:
            raise self.fault(
                f"{kind.removeprefix('SVFOP_')} is not possible here", "the views show your rows and shared ones"
            )

    def indirection(self, message: Message) -> None:
        # (x).name is also how PostgreSQL lets one write name(x), for any function.
        if any(node.WhichOneof("node") != "a_indices" for node in message.indirection):
            raise self.fault("(…).name is not possible here", "name the column of a table: t.name")

    def range_function(self, message: Message) -> None:
        if len(message.functions) != 1:
            raise self.fault("ROWS FROM with several functions is not possible here", "join them")
        parts = message.functions[0].list.items
        name = parts[0].func_call.funcname[-1].string.sval if parts[0].WhichOneof("node") == "func_call" else ""
        if name not in allowed.ROW_FUNCTIONS | allowed.PAIR_FUNCTIONS or any(
            part.WhichOneof("node") for part in parts[1:]
        ):
            raise self.fault("that function cannot stand in FROM", ", ".join(sorted(allowed.ROW_FUNCTIONS)))

    def common_table(self, message: Message) -> None:
        # Each use would be planned anew: twice of twice of twice.
        if word(message, "ctematerialized") == "CTEMaterializeNever":
            raise self.fault("NOT MATERIALIZED is not possible here", "leave it out")

    def range_var(self, message: Message) -> None:
        if not message.inh:
            raise self.fault("ONLY is not possible here", "leave it out")


_OWN: Final[dict[str, Callable[[_Check, Message], None]]] = {
    "FuncCall": _Check.function,
    "A_Expr": _Check.operator,
    "TypeName": _Check.type_name,
    "A_Const": _Check.constant,
    "SubLink": _Check.sublink,
    "SQLValueFunction": _Check.time_value,
    "A_Indirection": _Check.indirection,
    "RangeFunction": _Check.range_function,
    "CommonTableExpr": _Check.common_table,
    "RangeVar": _Check.range_var,
}
_FIELD_WORDS: Final = {
    ("WithClause", "recursive"): ("WITH RECURSIVE is not possible here", "TRAVERSE follows edges, to depth 5"),
    ("RangeVar", "catalogname"): ("another database cannot be asked", "name the view alone"),
    ("SelectStmt", "into_clause"): ("SELECT INTO is not possible here", "leave it out; SQL mode reads"),
    ("SelectStmt", "locking_clause"): ("FOR UPDATE and its like are not possible here", "leave it out; SQL mode reads"),
    ("A_Const", "bsval"): ("bit strings are not possible here", "write a number or a text"),
    ("FuncCall", "func_variadic"): ("VARIADIC is not possible here", "give the arguments one by one"),
    ("RangeFunction", "coldeflist"): ("a list of column definitions is not possible here", "name the columns: t(a, b)"),
    ("RangeFunction", "is_rowsfrom"): ("ROWS FROM is not possible here", "name the function alone"),
    ("JoinExpr", "alias"): ("a join has no name here", "name its tables"),
    ("JoinExpr", "join_using_alias"): ("a join has no name here", "name its tables"),
    ("SortBy", "use_op"): ("ORDER BY … USING is not possible here", "ASC or DESC"),
}


# By the grammar's own words they are pg_catalog's, not the bounded ones.
_TRIMS: Final = frozenset({"btrim", "ltrim", "rtrim"})


def _is_row_function(call: Message) -> bool:
    return strings(call.funcname)[-1] in allowed.ROW_FUNCTIONS | allowed.PAIR_FUNCTIONS


def _may_give_rows(parent: str, under: str) -> bool:
    return (parent, under) in {("RangeFunction", "functions"), ("ResTarget", "val")}


def _types() -> str:
    return ", ".join(sorted(allowed.TYPES))
