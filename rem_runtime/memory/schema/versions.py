"""The version files: which there are, what is in them, and what may not be. Pure: text in, statements out.

`versions/NNNN_topic.sql`, applied once and in order; the highest number is SCHEMA_VERSION. A file that a release has
shipped is never edited. Everything of a database's pending versions runs in one transaction, with one exception:

    create index concurrently NAME on TABLE (…);

for a table that was there before, which may be large and in use. It is cut out of the transaction and built after it,
rebuilt where it was left INVALID, and made again where it is missing. A runtime may serve before it is there, so it is
for speed alone: never unique. A table that the same file creates takes a plain `create [unique] index`. In a new
database all of them are plain.

A file only adds. `refusals` allows: new tables, sequences, types and dictionaries; `insert`, `update`, `comment`,
`select`; columns that may be null or have a default; statistics, storage, defaults and table options; `drop not null`;
anything on a table of its own. All else is refused: what drops, narrows or renames is run by a person. A check that
has to become wider stands below a line that says so:

    -- widens: a job may be cancelled
    alter table job drop constraint job_state_check, add constraint job_state_check check (state in (…));

Names are not qualified with a schema: `drift` runs the same files in a schema of its own, to see what they declare.
Functions, views and grants are not here but in functions.sql, views.py and grants.sql, which are replaced whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DIRECTORY = Path(__file__).parent / "versions"
_SUMMARY_CHARACTERS = 110

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<quoted>'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<end>;)
      | (?P<other>[^-/'"$;]+|.)""",
    re.DOTALL | re.VERBOSE,
)
_WIDENS = re.compile(r"^-- widens: \S", re.MULTILINE)

_CREATE_TABLE = re.compile(r"create table (\w+)\b")
_INDEX = re.compile(
    r"create (?P<unique>unique )?index (?P<concurrently>concurrently )?(?P<name>\w+) on (?P<table>\w+)\b"
)
_ALTER_TABLE = re.compile(r"alter table (?:only )?(\w+) (.*)")
_ALWAYS_ALLOWED = re.compile(
    r"(create (table|sequence|type|statistics|text search \w+) \w+\b|insert into |update |comment on |select "
    r"|alter index \w+ alter column \d+ set statistics \d+$)"
)
_ADDING = re.compile(
    r"add column (?!.*\b(unique|primary key|check|references)\b)(?=(?!.*\bnot null\b)|.*\bdefault\b).*"
    r"|alter column \w+ (set (statistics|storage|default|compression) .*|drop not null)"
    r"|set \(.*\)"
)
_WIDENING = re.compile(r"drop constraint (\w+), add constraint \1 check .*")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: as it is written, and in lower case on one line without comments."""

    sql: str
    plain: str

    @property
    def summary(self) -> str:
        """A line for people."""
        text = self.plain.split(" (")[0] if _CREATE_TABLE.match(self.plain) else self.plain
        return text if len(text) <= _SUMMARY_CHARACTERS else text[: _SUMMARY_CHARACTERS - 1] + "…"

    @property
    def later_index(self) -> str | None:
        """The name of the index that is built outside the transaction, or None for every other statement."""
        match = _INDEX.match(self.plain)
        return match["name"] if match and match["concurrently"] else None

    @property
    def at_once(self) -> str:
        """The statement for a transaction, where nothing can be built concurrently."""
        return re.sub(r"\bconcurrently\b", "", self.sql, count=1, flags=re.IGNORECASE) if self.later_index else self.sql


@dataclass(frozen=True, slots=True)
class Version:
    """One file; `statements` in its order."""

    number: int
    name: str
    statements: tuple[Statement, ...]

    def script(self, *, new_database: bool) -> str:
        """What runs in the transaction: everything, or all but the indexes that are built after it."""
        chosen = [s.at_once for s in self.statements if new_database or s.later_index is None]
        return ";\n".join(chosen) + ";"


def version_files() -> list[tuple[int, Path]]:
    """The files in order; the number is the start of the name."""
    return sorted((int(file.name.split("_")[0]), file) for file in _DIRECTORY.glob("*.sql"))


def read_version(file: Path) -> Version:
    """A file's statements."""
    return parse_version(int(file.name.split("_")[0]), file.stem, file.read_text("utf-8"))


def parse_version(number: int, name: str, text: str) -> Version:
    """The statements of a text."""
    return Version(number, name, tuple(_statements(text)))


def _statements(text: str) -> Iterator[Statement]:
    sql, plain = "", ""
    for token in _TOKEN.finditer(text + ";"):
        if token.lastgroup == "end" or token["end"]:
            if plain.strip():
                yield Statement(sql.strip(), " ".join(plain.split()))
                sql, plain = "", ""
            continue
        sql += token[0]
        plain += " " if token["comment"] else token[0] if token["quoted"] else token[0].lower()


def refusals(version: Version) -> list[str]:
    """What in a version does more than add, each with its statement; empty for a version that may be applied."""
    own = {match[1] for s in version.statements if (match := _CREATE_TABLE.match(s.plain))}
    return [
        f"{version.name}: {reason}: {statement.summary}"
        for statement in version.statements
        if (reason := _refusal(statement, own)) is not None
    ]


def _refusal(statement: Statement, own: set[str]) -> str | None:
    unquoted = re.sub(r"'(?:[^']|'')*'", "''", statement.plain)
    if re.search(r"\bpublic\s*\.", unquoted):
        return "names are not qualified with a schema"
    if index := _INDEX.match(statement.plain):
        return _refused_index(index, own)
    if _ALWAYS_ALLOWED.match(statement.plain):
        return None
    if alter := _ALTER_TABLE.fullmatch(statement.plain):
        return _refused_alter(statement, alter[1], alter[2], own)
    return "not a statement that only adds"


def _refused_index(index: re.Match[str], own: set[str]) -> str | None:
    if index["table"] in own:
        return "an index on a new table is made with it, not concurrently" if index["concurrently"] else None
    if index["unique"]:
        return "a unique index on a table that is there already would refuse what is stored"
    return None if index["concurrently"] else "an index on a table that is there already is created concurrently"


def _refused_alter(statement: Statement, table: str, actions: str, own: set[str]) -> str | None:
    if table in own or all(_ADDING.fullmatch(action) for action in _split(actions)):
        return None
    if _WIDENING.fullmatch(actions):
        widens = _WIDENS.search(statement.sql)
        return None if widens else "a constraint that is replaced needs a line `-- widens: why`"
    return "a change that is not additive"


def _split(actions: str) -> list[str]:
    """The actions of one ALTER TABLE: parted by commas outside parentheses and quotes."""
    parts, depth, quoted = [""], 0, False
    for character in actions:
        quoted ^= character == "'"
        if not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
