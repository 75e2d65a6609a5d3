"""Every child of three tenants, compared with YAML that a person has read. REM_UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import copy
import difflib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

GOLDEN = Path(__file__).parent / "golden"


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml(children: Any) -> str:
    manifests = [child.manifest for child in children]
    return yaml.dump_all(manifests, Dumper=_PlainDumper, sort_keys=False, width=120, allow_unicode=True)


@pytest.mark.parametrize("case", ["smallest", "fullest", "longest"])
def test_children_are_as_written_down(tenants: Any, case: str) -> None:
    path = GOLDEN / f"{case}.yaml"
    built = as_yaml(tenants.children(tenants.inputs(case)))
    if os.environ.get("REM_UPDATE_GOLDEN"):
        path.write_text(built)
    written = path.read_text()
    difference = "\n".join(
        difflib.unified_diff(written.splitlines(), built.splitlines(), path.name, "built", lineterm="")
    )
    assert built == written, f"{difference}\nIf this is wanted: REM_UPDATE_GOLDEN=1 pytest {Path(__file__).name}"


def test_input_is_unchanged_and_output_is_equal(tenants: Any, t: Any) -> None:
    before = copy.deepcopy(t)
    first = [child.manifest for child in tenants.children(t)]
    second = [child.manifest for child in tenants.children(t)]
    assert t == before
    assert first == second


def test_no_part_is_shared(tenants: Any, t: Any) -> None:
    """Editing one object in place reaches neither another object nor the next call."""
    seen: dict[int, str] = {}
    kept: list[Any] = []

    def walk(part: Any, where: str) -> None:
        if isinstance(part, (dict, list)):
            assert id(part) not in seen, f"{where} is the same object as {seen[id(part)]}"
            seen[id(part)] = where
            kept.append(part)  # or its id could be given to another object
            items = part.items() if isinstance(part, dict) else enumerate(part)
            for key, value in items:
                walk(value, f"{where}.{key}")

    for round_ in ("first", "second"):
        for child in tenants.children(t):
            kind, name = child.manifest["kind"], child.manifest["metadata"]["name"]
            walk(child.manifest, f"{round_} {kind} {name}")
