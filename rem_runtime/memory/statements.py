"""SQL by name: a `.sql` file holds statements, each under a name line and a why line.

    -- name: lookup
    -- Why: what this statement is for.
    select …

Python only names a statement. Nothing here builds SQL.
"""

from __future__ import annotations

import re
from pathlib import Path

_NAME_LINE = re.compile(r"^-- name: (\w+)\n-- Why: .+$", re.MULTILINE)


def load_statements(file: Path) -> dict[str, str]:
    """The statements of a file by name, comments left in; raises ValueError for a file out of shape."""
    text = file.read_text("utf-8")
    matches = list(_NAME_LINE.finditer(text))
    if text.count("-- name:") != len(matches):
        raise ValueError(f"{file}: every statement needs a line `-- name:` and below it a line `-- Why:`")
    ends = [match.start() for match in matches[1:]] + [len(text)]
    return {match[1]: text[match.end() : end].strip() for match, end in zip(matches, ends, strict=True)}
