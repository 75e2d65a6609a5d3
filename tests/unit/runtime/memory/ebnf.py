"""Reads an ISO 14977 grammar and writes random sentences of it. What is lexical, the caller supplies by rule."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_TOKENS = re.compile(r"""\(\*.*?\*\)|"[^"]*"|\?[^?]*\?|[=|,;(){}\[\]]|[^\W\d][\w ]*\w|[^\W\d]|\s+|.""", re.DOTALL)
Lexical = Callable[[random.Random], str]


@dataclass(frozen=True)
class Terminal:
    """A word of the language."""

    text: str


@dataclass(frozen=True)
class Rule:
    """Whatever another rule says."""

    name: str


@dataclass(frozen=True)
class Sequence:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """One of these."""

    options: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """`{ }`: of alternatives each at most once, in any order; a single sequence up to three times."""

    body: Node


@dataclass(frozen=True)
class Optional:
    """`[ ]`."""

    body: Node


Node = Terminal | Rule | Sequence | Choice | Repeat | Optional


@dataclass
class Grammar:
    """Rules by name; None for a lexical one."""

    rules: dict[str, Node | None] = field(default_factory=dict)

    def sentence(self, start: str, lexical: Mapping[str, Lexical], rng: random.Random) -> str:
        """A random sentence, its words separated by one blank."""
        return " ".join(self._write(Rule(start), lexical, rng))

    def _write(self, node: Node, lexical: Mapping[str, Lexical], rng: random.Random) -> list[str]:
        match node:
            case Terminal(text):
                return [text]
            case Rule(name):
                body = self.rules[name]
                return [lexical[name](rng)] if body is None else self._write(body, lexical, rng)
            case Sequence(parts):
                return [word for part in parts for word in self._write(part, lexical, rng)]
            case Choice(options):
                return self._write(rng.choice(options), lexical, rng)
            case Optional(body):
                return self._write(body, lexical, rng) if rng.random() < 0.5 else []
            case Repeat(Choice(options)):
                chosen = rng.sample(options, rng.randint(0, len(options)))
                return [word for option in chosen for word in self._write(option, lexical, rng)]
            case Repeat(body):
                return [word for _ in range(rng.randint(0, 3)) for word in self._write(body, lexical, rng)]


def read_grammar(text: str) -> Grammar:
    """The grammar that a file holds; raises ValueError where it is none."""
    tokens = [token for token in _TOKENS.findall(text) if token.strip() and not token.startswith("(*")]
    grammar = Grammar()
    while tokens:
        name, equals = tokens.pop(0), tokens.pop(0)
        if equals != "=" or name in grammar.rules:
            raise ValueError(f"a rule begins with a new name and =, not with {name} {equals}")
        if tokens[0].startswith("?"):
            tokens.pop(0)
            grammar.rules[name] = None
        else:
            grammar.rules[name] = _choice(tokens)
        if (end := tokens.pop(0)) != ";":
            raise ValueError(f"{name} ends with {end}, not with ;")
    return grammar


def _choice(tokens: list[str]) -> Node:
    options = [_sequence(tokens)]
    while tokens[0] == "|":
        tokens.pop(0)
        options.append(_sequence(tokens))
    return options[0] if len(options) == 1 else Choice(tuple(options))


def _sequence(tokens: list[str]) -> Node:
    parts = [_part(tokens)]
    while tokens[0] == ",":
        tokens.pop(0)
        parts.append(_part(tokens))
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def _part(tokens: list[str]) -> Node:
    token = tokens.pop(0)
    if token.startswith('"'):
        return Terminal(token[1:-1])
    groups: dict[str, tuple[str, Callable[[Node], Node]]] = {
        "(": (")", lambda body: body),
        "{": ("}", Repeat),
        "[": ("]", Optional),
    }
    if token in groups:
        close, make = groups[token]
        body = _choice(tokens)
        if (end := tokens.pop(0)) != close:
            raise ValueError(f"{token} is closed by {end}")
        return make(body)
    return Rule(token)
