"""Quantities in the downward API."""

from __future__ import annotations

import pytest

from rem_local.node.quantities import in_units


@pytest.mark.parametrize(
    ("amount", "divisor", "expected"),
    [
        ("250m", "1", "1"),
        ("250m", "1m", "250"),
        ("2", "1m", "2000"),
        ("1Gi", "1Mi", "1024"),
        ("1G", "0", "1000000000"),
        ("1e3", "", "1000"),
        ("1.5", "1", "2"),
        ("100k", "1k", "100"),
        ("1E", "1P", "1000"),
    ],
)
def test_units(amount: str, divisor: str, expected: str) -> None:
    assert in_units(amount, divisor) == expected


@pytest.mark.parametrize("text", ["", "a lot", "1Zi", "Mi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        in_units(text, "1")
