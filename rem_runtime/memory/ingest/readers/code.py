"""Source code: stored as it is, cut where functions and classes begin. tree-sitter parses what it has a grammar for."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from typing import Any

from rem_runtime.memory.ingest.readers.draft import reading_of
from rem_runtime.memory.ingest.readers.formats import Origin
from rem_runtime.memory.ingest.structure import Block, Reading

# Language: module of its grammar, and the function in it.
_GRAMMARS = {
    "python": ("tree_sitter_python", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "go": ("tree_sitter_go", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "java": ("tree_sitter_java", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "shell": ("tree_sitter_bash", "language"),
}
_DEFINES = re.compile(
    r"(?:async_)?(?:function|method|constructor|class|interface|struct|enum|trait|impl|module|namespace|type_alias|record|union|"
    r"object|protocol|extension|mod|abstract_class|singleton_method|generator_function)"
    r"(?:_definition|_declaration|_item|_specifier)?|type_spec|internal_module"
)
# Around a definition: what decorates, exports or templates it belongs to it.
_WRAPS = frozenset(
    {
        "decorated_definition",
        "export_statement",
        "template_declaration",
        "lexical_declaration",
        "ambient_declaration",
        "type_declaration",
    }
)
# Where definitions stand without being the whole of it.
_HOLDS = _WRAPS | {
    "block", "body", "body_statement", "class_body", "declaration_list", "else_clause", "enum_body",
    "enum_body_declarations", "expression_statement", "field_declaration_list", "if_statement", "interface_body",
    "linkage_specification", "preproc_else", "preproc_if", "preproc_ifdef", "program", "source_file",
    "statement_block", "template_body", "translation_unit", "try_statement",
}  # fmt: skip
_COMMENTS = frozenset({"comment", "line_comment", "block_comment", "attribute_item"})
_MAX_DEPTH = 4
_MAX_PARSE_SECONDS = 10.0
_READ_BYTES = 65_536
_NOT_BLANK = re.compile(r"\S")
_MARGIN = re.compile(r"^(?=[^\s})\]#/*;-])", re.MULTILINE)


def read_text(text: str, origin: Origin) -> Reading:
    """The source; its label is the file's name, its headings the classes and functions that a part is inside of."""
    language = origin.format.media_type.removeprefix("text/x-")
    starts = _by_grammar(text, language) if language in _GRAMMARS else None
    if starts is None:
        starts = {match.start(): () for match in _MARGIN.finditer(text)}
    return reading_of(
        text,
        _blocks(text, starts),
        origin.format.media_type,
        title=origin.name or None,
        metadata={"language": language},
    )


def _blocks(text: str, starts: dict[int, tuple[str, ...]]) -> list[Block]:
    places = sorted({0, *starts, len(text)})
    return [Block(start, end, starts.get(start, ()), begins=start in starts) for start, end in pairwise(places)]


def _by_grammar(text: str, language: str) -> dict[int, tuple[str, ...]] | None:
    """Where definitions begin and end, and the names around each place; None where parsing takes too long."""
    from tree_sitter import Language, Parser  # noqa: PLC0415 - native code, loaded for what has a grammar

    module, function = _GRAMMARS[language]
    parser = Parser(Language(getattr(import_module(module), function)()))
    deadline = time.monotonic() + _MAX_PARSE_SECONDS
    source = text.encode()
    try:
        tree = parser.parse(
            lambda at, _: source[at : at + _READ_BYTES], progress_callback=lambda *_: time.monotonic() > deadline
        )
    except ValueError:
        return None
    lines = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
    starts: dict[int, tuple[str, ...]] = {}
    for first, after, path in _definitions(tree.root_node):
        starts[lines[first]] = path
        # What follows stands in the outer one again, unless another begins there; blank lines stay before it.
        end = _NOT_BLANK.search(text, lines[min(after, len(lines) - 1)])
        starts.setdefault(lines[max(bisect_right(lines, end.start()) - 1, 0)] if end else len(text), path[:-1])
    return starts


def _definitions(root: Any) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Each definition's first line, the line after it, and its names outermost first; outer ones before inner ones."""
    todo: list[tuple[Any, tuple[str, ...]]] = [(root, ())]
    while todo:
        node, path = todo.pop()
        above: int | None = None
        inside: list[tuple[Any, tuple[str, ...]]] = []
        for child in node.named_children:
            if child.type in _COMMENTS:
                above = child.start_point[0] if above is None else above
                continue
            found = _definition_in(child)
            first = child.start_point[0] if above is None else above
            above = None
            if found is not None:
                names = (*path, _name_of(found))
                yield first, child.end_point[0] + 1, names
                if not _is_function(found) and len(names) < _MAX_DEPTH:
                    inside.append((found, names))
            elif child.type in _HOLDS:
                inside.append((child, path))
        todo.extend(reversed(inside))


def _definition_in(node: Any) -> Any | None:
    """The definition that a node is, or wraps: behind decorators, `export` or `template`."""
    for _ in range(_MAX_DEPTH):
        if _DEFINES.fullmatch(node.type):
            return node
        if node.type not in _WRAPS:
            return None
        inner = [one for one in node.named_children if one.type in _WRAPS or _DEFINES.fullmatch(one.type)]
        if len(inner) != 1:
            # A constant that is a function, or several types in brackets, which are looked at one by one.
            return None if inner else next((one for one in node.named_children if _is_function(one)), None)
        node = inner[0]
    return None


def _is_function(node: Any) -> bool:
    """Functions are not looked into: a part of one stands under its name."""
    if node.type == "variable_declarator":
        value = node.child_by_field_name("value")
        return value is not None and value.type in {"arrow_function", "function_expression", "function"}
    return "function" in node.type or "method" in node.type or node.type == "constructor_declaration"


def _name_of(node: Any) -> str:
    """A definition's name: its field of that name, else the first identifier of what it declares."""
    for _ in range(_MAX_DEPTH):
        named = node.child_by_field_name("name") if node.type != "qualified_identifier" else node
        declared = node.child_by_field_name("declarator")
        if named is None and declared is None:
            # `impl Shape for Circle` has a type; an identifier has only itself.
            named = node.child_by_field_name("type") or node
        if named is not None:
            return _words(named)
        node = declared
    return _words(node)


def _words(node: Any) -> str:
    return " ".join(node.text.decode("utf-8", "replace").split("(")[0].split())[:100]
