"""An upload as a form: the file, and what is said about it. Its bytes are in a spooled file until they are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, File, Form, Request, UploadFile
from pydantic import TypeAdapter, ValidationError

from rem_runtime.memory.caller import SHARED
from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest import FileInput
from rem_runtime.memory.models.json import JsonObject
from rem_runtime.memory.models.times import UtcTime

_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(JsonObject)


@dataclass(frozen=True, slots=True)
class Upload:
    """What was sent."""

    file: UploadFile
    uri: str
    owner: str | None
    timestamp: datetime | None
    metadata: dict[str, Any]

    async def read(self) -> FileInput:
        """With its bytes."""
        data = await self.file.read()
        return FileInput(self.uri, data, self.file.content_type, self.owner, self.timestamp, self.metadata)


async def _sent(
    request: Request,
    file: Annotated[UploadFile, File(description="The file.")],
    uri: Annotated[str | None, Form(max_length=1024, description="Where it comes from; else the file's name.")] = None,
    owner: Annotated[str | None, Form(description="Whose it is; '' is the whole tenant, absent the caller.")] = None,
    timestamp: Annotated[UtcTime | None, Form(description="When it was written, if the file does not say.")] = None,
    metadata: Annotated[str | None, Form(description="A JSON object.")] = None,
) -> Upload:
    place = uri or file.filename
    if not place:
        raise InvalidInput("send a uri, or a name with the file")
    # FastAPI takes an empty field of a form for one that was not sent; here it is the owner of what all may see.
    shared = owner is None and (await request.form()).get("owner") == SHARED
    return Upload(file, place, SHARED if shared else owner, timestamp, _object_of(metadata))


Sent = Annotated[Upload, Depends(_sent)]


def _object_of(text: str | None) -> dict[str, Any]:
    try:
        return _OBJECT.validate_json(text) if text else {}
    except ValidationError as error:
        raise InvalidInput(f"metadata: send a JSON object; {error.errors()[0]['msg']}") from error
