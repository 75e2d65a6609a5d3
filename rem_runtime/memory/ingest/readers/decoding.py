"""Bytes to text: a byte order mark, else UTF-8, else what the document declares, else what it looks like."""

from __future__ import annotations

import codecs
import re

from rem_runtime.memory.errors import InvalidInput

# The longer marks first: UTF-32's begins as UTF-16's does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 64 * 1024
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
# Controls that no text has: everything below the blank but tab, line and page breaks, escape (terminal logs).
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MOST_CONTROLS = 0.01
_FEW_ACCENTS = 0.3


def decode(data: bytes, *, declares: bool = False) -> str:
    """The text; raises InvalidInput where it is none. `declares`: the format names its encoding near its beginning."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    wide = _wide_encoding(data[:_SAMPLE_BYTES])
    if wide:
        return data.decode(wide, "replace")
    if is_binary(data):
        raise InvalidInput("it is binary, not text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        declared = _declared(data) if declares else None
        text = _decoded(data, declared) if declared else None
        return data.decode(_detected(data, error.start), "replace") if text is None else text


def is_binary(data: bytes) -> bool:
    """Whether it has more controls than a damaged text has."""
    sample = data[:_SAMPLE_BYTES]
    return len(_CONTROLS.findall(sample)) > _MOST_CONTROLS * len(sample)


def _wide_encoding(sample: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of Western text is NUL."""
    if len(sample) < 4 or b"\0" not in sample:
        return None
    even, odd = sample[0::2].count(0) / len(sample[0::2]), sample[1::2].count(0) / len(sample[1::2])
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else None


def _declared(data: bytes) -> str | None:
    found = _DECLARED.search(data[:2048])
    if found is None:
        return None
    try:
        name = codecs.lookup(found[1].decode("ascii")).name
    except LookupError:
        return None
    # Not true, or it would have been decoded; and ISO 8859-1 means Windows-1252 on the web.
    return None if name == "utf-8" else "cp1252" if name in {"iso8859-1", "ascii"} else name


def _decoded(data: bytes, encoding: str) -> str | None:
    """The text; None where Python's codec of that name is none of texts (hex, rot13), or does without replacements."""
    try:
        return data.decode(encoding, "replace")
    except (LookupError, ValueError):
        return None


def _detected(data: bytes, first: int) -> str:
    """What the part around the first byte that is not UTF-8 looks like."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - loaded for what is not UTF-8 alone

    start = max(0, first - _SAMPLE_BYTES // 2)
    sample = data[start : start + _SAMPLE_BYTES]
    matches = from_bytes(sample)
    best = matches.best()
    if best is None:
        return "cp1252"
    # A few accents fit a dozen single-byte sets: then the commonest of them is meant. Another script fits one.
    letters = sum(byte >= 0x80 or chr(byte).isalpha() for byte in sample)
    few = sum(byte >= 0x80 for byte in sample) < _FEW_ACCENTS * letters
    equal = {name for match in matches if match.chaos <= best.chaos for name in match.could_be_from_charset}
    return "cp1252" if few and "cp1252" in equal else str(best.encoding)
