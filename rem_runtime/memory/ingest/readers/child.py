"""The reader process, `python -m … BYTES`: frames come in on standard input, each is answered on standard output."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers import wire
from rem_runtime.memory.ingest.readers.reading import read_bytes, read_text


def main() -> None:
    """Serves one parent."""
    limit_memory(int(sys.argv[1]))
    # What a library prints must not come between the frames.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (frame := wire.receive(sys.stdin.buffer)) is not None:
        wire.send(answers, json.dumps(answer(json.loads(frame[0]), frame[1])).encode())


def answer(request: dict[str, Any], body: bytes) -> dict[str, Any]:
    """What was read, or the reason why not. A fault of a parser is a broken file: there is nothing else it could be."""
    uri, media_type = request["uri"], request["media_type"]
    try:
        if request["do"] == "text":
            content = body.decode("utf-8", "surrogatepass")
            return wire.fields_of(read_text(content, uri=uri, media_type=media_type))
        return wire.fields_of(read_bytes(body, uri=uri, media_type=media_type))
    except InvalidInput as error:
        return {"reason": str(error)}
    except MemoryError:
        return {"reason": "it takes too much memory to read; split it"}
    except Exception as error:  # noqa: BLE001 - parsers raise anything on a broken file
        return {"reason": f"it is broken: {type(error).__name__}: {error}"[:500]}


def limit_memory(address_space_bytes: int) -> None:
    """Where the system can; a parser that wants more gets an error, or is ended."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_AS, (address_space_bytes, address_space_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
