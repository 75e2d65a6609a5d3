"""Sessions and messages by id, as their owner may see and change them. One of the memory's slices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import TypeVar
from uuid import UUID

from rem_runtime.memory.cached_plans import twice
from rem_runtime.memory.caller import ADMIN_SCOPE, SHARED, Caller
from rem_runtime.memory.conversation.chunks import chunks_of_message, speaker_of
from rem_runtime.memory.conversation.inputs import (
    MAX_APPENDED,
    MessageInput,
    MessagePatch,
    SessionInput,
    SessionPatch,
)
from rem_runtime.memory.conversation.listing import MessagesWanted, SessionsWanted, fetch_messages, fetch_sessions
from rem_runtime.memory.conversation.rows import SQL, message_of, session_of
from rem_runtime.memory.conversation.writing import Prepared, append, rewrite
from rem_runtime.memory.errors import Conflict, InvalidInput, NotFound, NotPermitted
from rem_runtime.memory.models import Message, Session
from rem_runtime.memory.pages import Page, encode_cursor
from rem_runtime.memory.records.fields import changed_fields, cleaned
from rem_runtime.memory.revisions import ANY_REVISION, changed, require_revision
from rem_runtime.memory.shelf import Shelf

Thing = TypeVar("Thing", Session, Message)

# As with nodes: whoever names no version wants the change on top of whatever is there.
_ATTEMPTS = 5


class Conversations:
    """Sessions and messages by id."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def create_session(self, session: SessionInput, caller: Caller) -> Session:
        """Begin a session; raises NotPermitted, InvalidInput."""
        place = await self._shelf.place(caller, session.owner)
        clean = cleaned(session)

        async def write() -> Session:
            async with self._shelf.pool.acquire() as conn, conn.transaction():
                await conn.execute(SQL["lock_owner"], place.owner)
                row = await conn.fetchrow(
                    SQL["insert_session"], place.tenant, place.owner, clean.name, clean.mode, clean.agent,
                    clean.metadata, list(clean.tags),
                )  # fmt: skip
                assert row is not None
                return session_of(row)

        return await twice(write)

    async def get_session(self, session_id: UUID, caller: Caller) -> Session:
        """One session; raises NotFound, also for what is somebody else's."""
        row = await twice(lambda: self._shelf.pool.fetchrow(SQL["get_session"], caller.user, session_id))
        if row is None:
            raise NotFound(f"there is no session {session_id}, or it is somebody else's")
        return session_of(row)

    async def get_message(self, message_id: UUID, caller: Caller) -> Message:
        """One message; raises NotFound, also for what is somebody else's."""
        row = await twice(lambda: self._shelf.pool.fetchrow(SQL["get_message"], caller.user, message_id))
        if row is None:
            raise NotFound(f"there is no message {message_id}, or it is somebody else's")
        return message_of(row)

    async def sessions(self, caller: Caller, wanted: SessionsWanted) -> Page[Session]:
        """A page of sessions, newest first; raises InvalidInput for a cursor that was not handed out."""
        rows = await twice(lambda: fetch_sessions(self._shelf.pool, caller.user, wanted))
        return _page([session_of(row) for row in rows], wanted.limit)

    async def messages(self, caller: Caller, wanted: MessagesWanted) -> Page[Message]:
        """A page of messages: of all sessions newest first, of one in its order; raises NotFound, InvalidInput."""
        if wanted.session_id is not None:
            await self.get_session(wanted.session_id, caller)
        rows = await twice(lambda: fetch_messages(self._shelf.pool, caller.user, wanted))
        return _page([message_of(row) for row in rows], wanted.limit)

    async def append(self, session_id: UUID, messages: Sequence[MessageInput], caller: Caller) -> tuple[Message, ...]:
        """Append messages to a session in their order; raises NotFound, NotPermitted, InvalidInput."""
        if not 1 <= len(messages) <= MAX_APPENDED:
            raise InvalidInput(f"append 1 to {MAX_APPENDED} messages at once")
        session = await self.get_session(session_id, caller)
        _require_owner(session, caller)
        place = await self._shelf.place(caller, session.user_id or SHARED)
        prepared = [await self._prepare(cleaned(message)) for message in messages]

        async def write() -> list[Message]:
            async with self._shelf.pool.acquire() as conn:
                return await append(conn, session_id, prepared, place)

        appended = await twice(write)
        await self._shelf.count(sum(len(one.chunks) for one in prepared))
        return tuple(appended)

    async def update_session(
        self, session_id: UUID, patch: SessionPatch, caller: Caller, *, if_match: Collection[str] | None = None
    ) -> Session:
        """Change some fields; of several callers with the same `if_match` exactly one does.

        Raises NotFound, NotPermitted, PreconditionFailed, InvalidInput, Conflict.
        """

        async def write(session: Session) -> Session | None:
            after = changed_fields(session, SessionInput, patch)
            return session if after is None else await self._write_session(session, after, caller)

        return await self._update(lambda: self.get_session(session_id, caller), write, caller, if_match)

    async def update_message(
        self, message_id: UUID, patch: MessagePatch, caller: Caller, *, if_match: Collection[str] | None = None
    ) -> Message:
        """The same for a message; what is searched follows its content and its speaker."""

        async def write(message: Message) -> Message | None:
            after = changed_fields(message, MessageInput, patch)
            return message if after is None else await self._write_message(message, after, caller)

        return await self._update(lambda: self.get_message(message_id, caller), write, caller, if_match)

    async def _update(
        self,
        read: Callable[[], Awaitable[Thing]],
        write: Callable[[Thing], Awaitable[Thing | None]],
        caller: Caller,
        if_match: Collection[str] | None,
    ) -> Thing:
        for _ in range(_ATTEMPTS):
            thing = await read()
            _require_owner(thing, caller)
            require_revision(thing, if_match)
            written = await write(thing)
            if written is not None:
                return written
            if if_match is not None and ANY_REVISION not in if_match:
                raise changed()
        raise Conflict("others are changing it all the time; try again")

    async def _write_session(self, session: Session, after: SessionInput, caller: Caller) -> Session | None:
        place = await self._shelf.place(caller, session.user_id or SHARED)

        async def write() -> Session | None:
            async with self._shelf.pool.acquire() as conn, conn.transaction():
                await conn.execute(SQL["lock_owner"], place.owner)
                row = await conn.fetchrow(
                    SQL["update_session"], place.owner, session.id, session.updated_at, after.name, after.mode,
                    after.agent, after.metadata, list(after.tags),
                )  # fmt: skip
                return None if row is None else session_of(row)

        return await twice(write)

    async def _write_message(self, message: Message, after: MessageInput, caller: Caller) -> Message | None:
        place = await self._shelf.place(caller, message.user_id or SHARED)
        heard = speaker_of(message.role, message.metadata), message.content
        said = None
        if heard != (speaker_of(after.role, after.metadata), after.content):
            said = await self._prepare(after)

        async def write() -> Message | None:
            async with self._shelf.pool.acquire() as conn:
                return await rewrite(conn, message, after, said=said, place=place)

        written = await twice(write)
        await self._shelf.count(len(said.chunks) if said and written else 0)
        return written

    async def _prepare(self, message: MessageInput) -> Prepared:
        speaker = speaker_of(message.role, message.metadata)
        cut = partial(chunks_of_message, message.content, speaker=speaker, window=self._shelf.window)
        chunks = await asyncio.to_thread(cut)
        return Prepared(message, chunks, await self._shelf.vectors_of(chunks))


def _require_owner(thing: Session | Message, caller: Caller) -> None:
    if thing.user_id is None and ADMIN_SCOPE not in caller.scopes:
        kind = type(thing).__name__.lower()
        raise NotPermitted(f"this {kind} is the whole tenant's; changing it needs the scope admin")


def _page(things: list[Thing], limit: int) -> Page[Thing]:
    shown = things[:limit]
    return Page(items=tuple(shown), next_cursor=encode_cursor(shown[-1].id) if len(things) > limit else None)
