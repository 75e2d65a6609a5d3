"""What to try when nothing was found. Pure."""

from __future__ import annotations

import re
import shlex

_CLAUSES: dict[str, tuple[str, ...]] = {
    "LOOKUP": (),
    "FUZZY": ("IN", "THRESHOLD", "LIMIT"),
    "SEARCH": ("IN", "WHERE", "SINCE", "UNTIL", "DURING", "LIMIT", "MODE"),
    "TRAVERSE": ("DEPTH", "REL", "OUT", "IN", "BOTH", "WEIGHT", "AS", "LIMIT"),
}
# These leave things out; without them more is found.
_FILTERS = {
    "FUZZY": ("IN", "THRESHOLD"),
    "SEARCH": ("IN", "WHERE", "SINCE", "UNTIL", "DURING", "MODE"),
    "TRAVERSE": ("REL", "OUT", "IN", "WEIGHT", "AS"),
}


# A label as the normal form writes it where it could be read as something else; a quote in it is there twice.
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_TYPE = re.compile(r"^\w+/")


def hints(verb: str, query: str) -> list[str]:
    """A few lines, each something to do; `query` in its normal form."""
    said, clauses = _parts(verb, query)
    filters = [clause for clause in clauses if clause in _FILTERS.get(verb, ())]
    found = []
    if filters:
        found.append(f"try it without {' and '.join(filters)}, which may leave out too much")
    elif verb == "SEARCH":
        found.append("is anything stored yet? `rem ingest DIR` stores a directory of documents")
    name = _TYPE.sub("", said)
    if verb in {"LOOKUP", "TRAVERSE"} and name and "," not in name:
        found.append(f"try {_command('FUZZY', name)} for a name like it")
    if verb in {"LOOKUP", "FUZZY", "TRAVERSE"} and name:
        # Plain words are quoted for the server; what holds quotes already would not be one label again.
        asked = _command("" if '"' in name else "SEARCH", name)
        found.append(f"try {asked} for what is written about it")
    return found


def _command(verb: str, said: str) -> str:
    query = f"{verb} {said}" if verb else _QUOTED.sub(lambda label: label[1].replace('""', '"'), said)
    plain_in_double_quotes = "'" in query and not re.search(r'["$`\\!]', query)
    return "rem ask " + (f'"{query}"' if plain_in_double_quotes else shlex.quote(query))


def _parts(verb: str, query: str) -> tuple[str, list[str]]:
    """What follows the verb, and the clause words after it."""
    rest = query.removeprefix(verb).strip()
    words = _CLAUSES.get(verb, ())
    if not words:
        return rest, []
    # Quoted text holds no clause: a whole quoted string is one piece.
    pieces = re.findall(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\S+", rest)
    first = next((number for number, piece in enumerate(pieces) if piece in words), len(pieces))
    return " ".join(pieces[:first]), list(dict.fromkeys(piece for piece in pieces[first:] if piece in words))
