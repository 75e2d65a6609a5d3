"""Which formats are read, by which module: the one registry. Modules load when a document of theirs comes."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from urllib.parse import urlsplit

_HERE = "rem_runtime.memory.ingest.readers."


@dataclass(frozen=True, slots=True)
class Format:
    """One format. `module` has `read_text(text, origin)`, or `read_bytes(data, origin)`, or both."""

    media_type: str
    name: str
    """For people."""
    module: str
    extensions: tuple[str, ...]
    also: tuple[str, ...] = ()
    """Other media types that mean the same."""
    binary: bool = False
    """Comes as a file only: its bytes are no text."""

    def load(self) -> ModuleType:
        """The reader, imported now at the latest."""
        return import_module(_HERE + self.module)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a reader knows of the document beside its content."""

    uri: str
    format: Format
    depth: int = 0
    """How many documents it is inside of: 1 for an attachment."""

    @property
    def name(self) -> str:
        """The file's name."""
        return name_of(self.uri)


def _code(language: str, *extensions: str, also: tuple[str, ...] = ()) -> Format:
    return Format(f"text/x-{language}", f"source code ({language})", "code", extensions, also)


_OFFICE = "application/vnd.openxmlformats-officedocument."
MARKDOWN = Format("text/markdown", "Markdown", "markup", (".md", ".markdown", ".mdx"), ("text/x-markdown",))
PLAIN = Format("text/plain", "text", "markup", (".txt", ".text", ".log", ".rst", ".adoc", ".org", ".tex"))
HTML = Format("text/html", "HTML", "html", (".html", ".htm", ".xhtml"), ("application/xhtml+xml",))
PDF = Format("application/pdf", "PDF", "pdf", (".pdf",), ("application/x-pdf",), binary=True)
DOCX = Format(_OFFICE + "wordprocessingml.document", "Word", "docx", (".docx", ".docm"), binary=True)
PPTX = Format(_OFFICE + "presentationml.presentation", "PowerPoint", "pptx", (".pptx", ".pptm"), binary=True)
XLSX = Format(_OFFICE + "spreadsheetml.sheet", "Excel", "xlsx", (".xlsx", ".xlsm"), binary=True)
CSV = Format("text/csv", "CSV", "csv_table", (".csv",), ("application/csv",))
TSV = Format("text/tab-separated-values", "TSV", "csv_table", (".tsv", ".tab"))
JSON = Format("application/json", "JSON", "json_tree", (".json",), ("text/json",))
JSONL = Format("application/jsonl", "JSON lines", "json_tree", (".jsonl", ".ndjson"), ("application/x-ndjson",))
YAML = Format("application/yaml", "YAML", "yaml_tree", (".yaml", ".yml"), ("text/yaml", "application/x-yaml"))
EMAIL = Format("message/rfc822", "e-mail", "mail", (".eml",))

FORMATS: tuple[Format, ...] = (
    MARKDOWN, PLAIN, HTML, PDF, DOCX, PPTX, XLSX, CSV, TSV, JSON, JSONL, YAML, EMAIL,
    _code("python", ".py", ".pyi", also=("text/x-script.python", "application/x-python-code")),
    _code("javascript", ".js", ".mjs", ".cjs", ".jsx", also=("text/javascript", "application/javascript")),
    _code("typescript", ".ts", ".mts", ".cts", also=("text/typescript", "application/typescript")),
    _code("tsx", ".tsx"),
    _code("go", ".go"),
    _code("rust", ".rs"),
    _code("java", ".java", also=("text/x-java-source",)),
    _code("c", ".c", ".h", also=("text/x-csrc", "text/x-chdr")),
    _code("cpp", ".cc", ".cpp", ".cxx", ".hpp", ".hh", also=("text/x-c++", "text/x-c++src")),
    _code("csharp", ".cs"),
    _code("ruby", ".rb"),
    _code("php", ".php", also=("application/x-php", "application/x-httpd-php")),
    _code("shell", ".sh", ".bash", also=("application/x-sh", "text/x-sh", "text/x-shellscript")),
    # No grammar: cut where lines at the left margin begin.
    _code("sql", ".sql", also=("application/sql",)),
    _code("kotlin", ".kt", ".kts"),
    _code("swift", ".swift"),
    _code("scala", ".scala"),
    _code("lua", ".lua"),
    _code("r", ".r"),
    _code("perl", ".pl", ".pm"),
    _code("protobuf", ".proto"),
    _code("terraform", ".tf"),
    _code("css", ".css", ".scss", also=("text/css",)),
    _code("toml", ".toml", also=("application/toml",)),
    _code("ini", ".ini", ".cfg", ".properties"),
    _code("xml", ".xml", ".xsd", ".svg", also=("text/xml", "application/xml", "image/svg+xml")),
)  # fmt: skip

_BY_TYPE = {name: one for one in FORMATS for name in (one.media_type, *one.also)}
_BY_EXTENSION = {extension: one for one in FORMATS for extension in one.extensions}
EXTENSIONS = frozenset(_BY_EXTENSION)
# What a sender says that knows nothing.
_SAYS_NOTHING = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown"})


def of_media_type(media_type: str | None) -> Format | None:
    """The format of that name; parameters do not count."""
    return _BY_TYPE.get((media_type or "").partition(";")[0].strip().lower())


def of_name(uri: str) -> Format | None:
    """The format that the extension says."""
    return _BY_EXTENSION.get(posixpath.splitext(name_of(uri))[1].lower())


def says_something(media_type: str | None) -> bool:
    """Whether a declared type is one."""
    return (media_type or "").partition(";")[0].strip().lower() not in _SAYS_NOTHING


def is_media(media_type: str | None) -> bool:
    """Whether it is said to be a picture, sound or film, whatever its bytes look like."""
    return (media_type or "").strip().lower().startswith(("image/", "audio/", "video/", "font/"))


def name_of(uri: str) -> str:
    """The last part of a path or URL."""
    path = urlsplit_path(uri)
    return posixpath.basename(path.rstrip("/"))


def urlsplit_path(uri: str) -> str:
    """The path of a URL without query and fragment; of anything else, all of it."""
    if "://" not in uri:
        return uri
    try:
        return urlsplit(uri).path
    except ValueError:
        return uri


def names() -> str:
    """The formats for an error message: each once, source code as one."""
    found = [one.name if one.module != "code" else "source code" for one in FORMATS]
    return ", ".join(dict.fromkeys(found))
