"""The query language: one grammar, one parser, one tree. docs/dialect.md is its reference. Pure: no database here."""

from rem_runtime.memory.dialect.parser import VERBS, parse
from rem_runtime.memory.dialect.render import render, render_label
from rem_runtime.memory.dialect.suggest import misread

__all__ = ["VERBS", "misread", "parse", "render", "render_label"]
