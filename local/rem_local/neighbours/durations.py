"""PURE: durations as Go writes them ("1h0m0s"), which is how the kinds of the neighbours spell intervals."""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)")


def parse_duration_seconds(text: str) -> float:
    """Seconds of a Go duration; "0" is allowed without a unit, as in Go."""
    if text == "0":
        return 0.0
    if not text or _PART.sub("", text):
        raise ValueError(f"not a duration: {text!r}; write it like 1h30m or 10s")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
