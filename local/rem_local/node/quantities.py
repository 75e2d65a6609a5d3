"""Kubernetes quantities ("250m", "1Gi") as numbers, for the downward API. Pure."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

_FACTORS = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}


def quantity(text: str) -> Decimal:
    """The number that a quantity stands for; raises ValueError when it is none."""
    number = text.rstrip("EPTGMkKinum")
    suffix = text[len(number) :]
    try:
        return Decimal(number) * _FACTORS[suffix]
    except (ArithmeticError, KeyError):
        raise ValueError(f"{text!r} is not a quantity") from None


def in_units(text: str, divisor: str) -> str:
    """`text` in units of `divisor`, rounded up, as the downward API shows it; divisor "0" and "" mean 1."""
    unit = quantity(divisor or "1") or Decimal(1)
    return str(int((quantity(text) / unit).to_integral_value(ROUND_CEILING)))
