"""What a file may cost. Each limit is said in docs/ingest.md and in the error of who meets it."""

from __future__ import annotations

from typing import Final

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
# Characters of text of one document, a thousand pages and more: 4,500 chunks of prose, which a small machine embeds in
# a minute or two; of words that no language has, four times as many.
MAX_TEXT_CHARACTERS: Final = 4_000_000
# What a .docx, .pptx or .xlsx may be once it is unpacked, and how many files it may hold.
MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024
MAX_ARCHIVE_MEMBERS: Final = 20_000
# XML of one part that is held as a tree: about ten times that in memory.
MAX_XML_BYTES: Final = 24 * 1024 * 1024
MAX_PDF_PAGES: Final = 5_000
# JSON, YAML, an e-mail in an e-mail in an e-mail.
MAX_NESTING: Final = 100
MAX_MAIL_NESTING: Final = 4
MAX_MAIL_PARTS: Final = 500
# The reader process: how long one file may take, and how much address space it may have. With an API that embeds
# (450 MB) it fits into a pod of 1 GiB, whose kernel would end both.
MAX_SECONDS: Final = 60.0
MAX_ADDRESS_SPACE_BYTES: Final = 512 * 1024 * 1024
