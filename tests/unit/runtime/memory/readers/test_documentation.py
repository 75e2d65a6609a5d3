"""docs/ingest.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from rem_runtime.memory.ingest.readers import formats, limits, read_bytes

PAGE = (Path(__file__).parents[5] / "docs" / "ingest.md").read_text("utf-8")


def test_every_extension_is_in_the_table() -> None:
    table = PAGE.partition("## Formats")[2].partition("\n## ")[0]
    named = set(re.findall(r"(?<![\w/])\.[a-z]+(?=[ |])", table))
    assert named <= formats.EXTENSIONS
    assert {extension for one in formats.FORMATS if one.module != "code" for extension in one.extensions} <= named


def test_the_limits_are_those_of_the_code() -> None:
    mebibyte = 1024 * 1024
    for said in (
        f"| a file | {limits.MAX_FILE_BYTES // mebibyte} MiB |",
        f"{limits.MAX_TEXT_CHARACTERS:,} characters",
        (
            f"{limits.MAX_UNPACKED_BYTES // mebibyte} MiB, {limits.MAX_ARCHIVE_MEMBERS:,} members, "
            f"{limits.MAX_XML_BYTES // mebibyte} MiB for one part"
        ),
        f"{limits.MAX_PDF_PAGES:,} pages",
        f"| JSON, YAML | {limits.MAX_NESTING} levels |",
        f"{limits.MAX_MAIL_PARTS} parts; e-mails {limits.MAX_MAIL_NESTING} deep",
        f"{limits.MAX_SECONDS:g} s, {limits.MAX_ADDRESS_SPACE_BYTES // mebibyte} MiB of address space",
    ):
        assert said in PAGE


def test_the_example_of_a_table() -> None:
    example = PAGE.partition("```text\n")[2].partition("```")[0]
    people = "".join(f"Person {number},555-{number:04},Floor {number}\n" for number in range(40))
    text = read_bytes(f"Name,Phone,Office\n{people}Priscilla,555-9999,Attic\n".encode(), uri="people.csv").text
    for line in filter(None, example.splitlines()):
        assert line + "\n" in text
