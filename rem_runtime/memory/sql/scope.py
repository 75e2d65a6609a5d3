"""Which relation and column each name of a tree means, and how much an expression amounts to. Pure.

Two things hang on it. `t.name` is a column, or else PostgreSQL calls the function `name` on the row of t: so a column
that t does not have is refused. And a name in a subselect stands for the whole expression behind it: `x + x` of `x + x`
of … doubles with each level, in the planner's memory before anything runs. An expression's *weight* is how many columns
of the views it names once all names are written out; it is limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from rem_runtime.memory.schema.views import VIEW_COLUMNS
from rem_runtime.memory.sql.allowed import GATHERING, MOST_COLUMNS, PAIR_FUNCTIONS
from rem_runtime.memory.sql.tree import Message, Source, children, content, kind_of, strings, word

MOST_WEIGHT: Final = 1_000
MOST_GATHERED_WEIGHT: Final = 100
"""Of what is put into one row, array or JSON object."""

Columns = dict[str, int]  # name -> weight


@dataclass(frozen=True, slots=True)
class Table:
    """Something in FROM, under the name that it has there."""

    name: str
    columns: Columns

    @property
    def weight(self) -> int:
        """Of its whole row."""
        return sum(self.columns.values())


@dataclass(frozen=True, slots=True)
class Around:
    """What a SELECT can name besides its own tables: WITH's, and the tables around it, the innermost last."""

    common: dict[str, Columns]
    frames: tuple[list[Table], ...] = ()


def check_scopes(tree: Message, source: Source) -> None:
    """Raises DialectError for a relation that is no view, a column that is not there, and for too much weight."""
    scopes = _Scopes(source)
    scopes.query(tree, Around({}))
    for relation in _relations(tree):
        if relation.location not in scopes.seen:
            raise source.fault("a table cannot be named here", "name it in FROM", node=relation)


def _relations(message: Message) -> Iterator[Message]:
    for _, child in children(message):
        if kind_of(child) == "RangeVar":
            yield child
        yield from _relations(child)


_OWN_TREATMENT: Final = frozenset({"with_clause", "target_list", "from_clause", "values_lists", "larg", "rarg"})
# They may name a result column as well.
_AFTER: Final = frozenset({"sort_clause", "group_clause", "distinct_clause"})


@dataclass(frozen=True, slots=True)
class _Scopes:
    source: Source
    seen: set[int] = field(default_factory=set)
    """Where the relations stand that were looked up."""

    def query(self, select: Message, around: Around) -> tuple[Columns, int]:
        """The columns that a query gives, and the weight of all that is in it."""
        if kind_of(select) != "SelectStmt":
            raise self.source.fault("only SELECT can stand here", "SQL mode reads", node=select)
        total = 0
        common = dict(around.common)
        for node in select.with_clause.ctes:
            cte = node.common_table_expr
            # Not its own name: that would be recursion, which is refused; nor those that follow.
            columns, weight = self.query(content(cte.ctequery), Around(common, around.frames))
            common = {**common, cte.ctename: _renamed(columns, strings(cte.aliascolnames))}
            total += weight
        inner = Around(common, around.frames)
        if select.HasField("larg"):
            columns, weight = self._combined(select, inner)
            tables: list[Table] = []
        elif select.values_lists:
            columns, weight = self._values(select, inner)
            tables = []
        else:
            tables = []
            columns, weight = self._select(select, tables, inner)
        return columns, total + weight + self._clauses(select, columns, tables, inner)

    def _combined(self, select: Message, around: Around) -> tuple[Columns, int]:
        left, left_weight = self.query(select.larg, around)
        right, right_weight = self.query(select.rarg, around)
        heaviest = max(right.values(), default=1)
        return {name: max(weight, heaviest) for name, weight in left.items()}, left_weight + right_weight

    def _values(self, select: Message, around: Around) -> tuple[Columns, int]:
        columns: Columns = {}
        total = 0
        for row in select.values_lists:
            for number, node in enumerate(row.list.items, 1):
                weight = self._expression(content(node), [], around)
                columns[f"column{number}"] = max(columns.get(f"column{number}", 1), weight)
                total += weight
        return columns, total

    def _select(self, select: Message, tables: list[Table], around: Around) -> tuple[Columns, int]:
        total = sum(self._from(content(node), tables, around) for node in select.from_clause)
        columns: Columns = {}
        number = 0
        for node in select.target_list:
            for name, weight in self._target(node.res_target, tables, around):
                columns[name] = max(columns.get(name, 1), weight)
                total += weight
                number += 1
        if number > MOST_COLUMNS:
            raise self.source.fault(f"a row of more than {MOST_COLUMNS} columns", "name those you need", node=select)
        return columns, total

    def _clauses(self, select: Message, columns: Columns, tables: list[Table], around: Around) -> int:
        """The weight of all that has no treatment of its own."""
        after = [*tables, Table("", columns)]
        return sum(
            self._expression(child, after if name in _AFTER else tables, around)
            for name, child in children(select)
            if name not in _OWN_TREATMENT
        )

    # -- FROM

    def _from(self, item: Message, tables: list[Table], around: Around) -> int:
        """Adds what the item names to the tables; the weight of what is in it."""
        match kind_of(item):
            case "RangeVar":
                tables.append(self._relation(item, around))
                return 0
            case "RangeSubselect":
                frames = (*around.frames, tables) if item.lateral else around.frames
                columns, weight = self.query(content(item.subquery), Around(around.common, frames))
                tables.append(Table(item.alias.aliasname, _renamed(columns, strings(item.alias.colnames))))
                return weight
            case "RangeFunction":
                weight = self._expression(item.functions[0].list.items[0].func_call, tables, around)
                tables.append(_function_table(item, max(weight, 1)))
                return weight
            case "JoinExpr":
                weight = self._from(content(item.larg), tables, around)
                weight += self._from(content(item.rarg), tables, around)
                return weight + sum(
                    self._expression(c, tables, around) for name, c in children(item) if name == "quals"
                )
        raise self.source.fault("that is not possible in FROM", "name a view or a subselect", node=item)

    def _relation(self, item: Message, around: Around) -> Table:
        name = item.relname
        self.seen.add(item.location)
        columns: Columns | None = None
        if not item.schemaname and name in around.common:
            columns = around.common[name]
        elif item.schemaname in {"", "public"} and name in VIEW_COLUMNS:
            columns = dict.fromkeys(VIEW_COLUMNS[name], 1)
        if columns is None:
            shown = f"{item.schemaname}.{name}" if item.schemaname else name
            raise self.source.fault(f"there is no view {shown}", "there are " + ", ".join(VIEW_COLUMNS), node=item)
        return Table(item.alias.aliasname or name, _renamed(columns, strings(item.alias.colnames)))

    # -- Expressions

    def _target(self, target: Message, tables: list[Table], around: Around) -> list[tuple[str, int]]:
        value = content(target.val)
        if kind_of(value) == "ColumnRef" and value.fields[-1].WhichOneof("node") == "a_star":
            return self._star(value, tables, around)
        return [(target.name or _column_name(value), max(self._expression(value, tables, around), 1))]

    def _star(self, reference: Message, tables: list[Table], around: Around) -> list[tuple[str, int]]:
        if len(reference.fields) == 1:
            return [column for table in tables for column in table.columns.items()]
        return list(self._table(reference, tables, around).columns.items())

    def _expression(self, message: Message, tables: list[Table], around: Around) -> int:
        weight = self._weight(message, tables, around)
        if weight > MOST_WEIGHT:
            raise self.source.fault(
                f"written out, an expression here names more than {MOST_WEIGHT} columns",
                "subselects that double what is in them grow too fast; use fewer levels",
                node=message,
            )
        return weight

    def _weight(self, message: Message, tables: list[Table], around: Around) -> int:
        kind = kind_of(message)
        if kind == "ColumnRef":
            return self._reference(message, tables, around)
        if kind == "SubLink":
            _, weight = self.query(content(message.subselect), Around(around.common, (*around.frames, tables)))
            return weight + sum(
                self._weight(child, tables, around) for name, child in children(message) if name != "subselect"
            )
        weight = sum(self._expression(child, tables, around) for _, child in children(message))
        if weight > MOST_GATHERED_WEIGHT and _gathers(message, kind):
            raise self.source.fault(
                f"more than {MOST_GATHERED_WEIGHT} columns in one value", "put fewer into it", node=message
            )
        return weight

    def _reference(self, reference: Message, tables: list[Table], around: Around) -> int:
        names = strings(reference.fields)
        if reference.fields[-1].WhichOneof("node") == "a_star":
            # As an argument: count(t.*), to_jsonb(t.*).
            return sum(weight for _, weight in self._star(reference, tables, around))
        if len(names) == 1:
            return _unqualified(names[0], [*around.frames, tables])
        table = self._table(reference, tables, around)
        if names[-1] not in table.columns:
            hint = "it has " + ", ".join(table.columns) if table.columns else "it has no columns"
            raise self.source.fault(f"{table.name} has no column {names[-1]}", hint, node=reference)
        return table.columns[names[-1]]

    def _table(self, reference: Message, tables: list[Table], around: Around) -> Table:
        names = strings(reference.fields)
        if len(names) == 2:
            for frame in reversed([*around.frames, tables]):
                for table in frame:
                    if table.name == names[0]:
                        return table
        raise self.source.fault(f"there is no table {'.'.join(names[:-1])} here", "name it in FROM", node=reference)


def _unqualified(name: str, frames: list[list[Table]]) -> int:
    for frame in reversed(frames):
        weights = [table.columns[name] for table in frame if name in table.columns]
        weights += [table.weight for table in frame if table.name == name]
        if weights:
            return max(weights)
    return 1  # PostgreSQL will say that it is not there


def _gathers(message: Message, kind: str) -> bool:
    return kind in {"RowExpr", "A_ArrayExpr"} or (kind == "FuncCall" and strings(message.funcname)[-1] in GATHERING)


def _renamed(columns: Columns, names: list[str]) -> Columns:
    old = list(columns)
    if len(names) > len(old):
        return columns  # PostgreSQL will refuse it
    return {**dict(zip(names, columns.values(), strict=False)), **{name: columns[name] for name in old[len(names) :]}}


def _function_table(item: Message, weight: int) -> Table:
    function = strings(item.functions[0].list.items[0].func_call.funcname)[-1]
    alias = item.alias.aliasname or function
    names = ["key", "value"] if function in PAIR_FUNCTIONS else [alias]
    if item.ordinality:
        names.append("ordinality")
    given = strings(item.alias.colnames)
    if function in {"jsonb_array_elements", "jsonb_array_elements_text"}:
        names[0] = "value"
    return Table(alias, dict.fromkeys([*given, *names[len(given) :]], weight))


# How sure PostgreSQL is of a name: CASE and a cast take a better one from what they hold.
_NAMELESS, _WEAK, _SURE = 0, 1, 2
_CONSTANT_NAMES: Final = {"CoalesceExpr": "coalesce", "RowExpr": "row", "A_ArrayExpr": "array"}


def _column_name(value: Message) -> str:
    """The name that PostgreSQL gives to a result column without one."""
    return _named(value)[0]


def _named(value: Message) -> tuple[str, int]:
    kind = kind_of(value)
    if kind in _CONSTANT_NAMES:
        return _CONSTANT_NAMES[kind], _SURE
    return _NAMES[kind](value) if kind in _NAMES else ("?column?", _NAMELESS)


def _better(inner: Message, otherwise: str) -> tuple[str, int]:
    name, sureness = _named(content(inner)) if inner.WhichOneof("node") else ("", _NAMELESS)
    return (name, sureness) if sureness > _WEAK else (otherwise, _WEAK)


def _sublink_name(value: Message) -> tuple[str, int]:
    kind = word(value, "sub_link_type")
    if kind == "EXISTS_SUBLINK":
        return "exists", _SURE
    select = content(value.subselect)
    if kind != "EXPR_SUBLINK" or not select.target_list:
        return "?column?", _NAMELESS
    target = select.target_list[0].res_target
    return (str(target.name), _SURE) if target.name else (_column_name(content(target.val)), _SURE)


_NAMES: Final[dict[str, Callable[[Message], tuple[str, int]]]] = {
    "ColumnRef": lambda value: (strings(value.fields)[-1], _SURE),
    "FuncCall": lambda value: (strings(value.funcname)[-1], _SURE),
    "A_Indirection": lambda value: _named(content(value.arg)),
    "TypeCast": lambda value: _better(value.arg, strings(value.type_name.names)[-1]),
    "CaseExpr": lambda value: _better(value.defresult, "case"),
    "A_Expr": lambda value: ("nullif", _SURE) if word(value, "kind") == "AEXPR_NULLIF" else ("?column?", _NAMELESS),
    "MinMaxExpr": lambda value: (word(value, "op").removeprefix("IS_").lower(), _SURE),
    "SQLValueFunction": lambda value: (word(value, "op").removeprefix("SVFOP_").removesuffix("_N").lower(), _SURE),
    "SubLink": _sublink_name,
}
