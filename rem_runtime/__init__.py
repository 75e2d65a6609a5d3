"""REM's runtime: the memory, its HTTP API and its workers, as one image and one command, `rem-runtime`."""

from importlib.metadata import version

__version__ = version("rem")
