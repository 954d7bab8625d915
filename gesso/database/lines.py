"""Connections with the thread that alone uses each: calls come from the event loop, answers go back to it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from gesso.database.failures import translate

T = TypeVar("T")

# So that the first of many need not wait for very many.
TOGETHER = 32


class Line:
    """One transaction for each call."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, fn: Callable[..., T], args: tuple[object, ...]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, fn, args)

    def _run(self, fn: Callable[..., T], args: tuple[object, ...]) -> T:
        try:
            with self._engine.begin() as conn:
                return fn(conn, *args)
        except SQLAlchemyError as error:
            raise translate(error) from error

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        await asyncio.to_thread(self._thread.shutdown)


@dataclass(slots=True, eq=False)
class Call:
    """One call that waits for its turn, and then what came of it."""

    fn: Callable[..., Any]
    args: tuple[object, ...]
    answer: "asyncio.Future[Any]"
    result: Any = None
    error: Exception | None = None


class SharedLine(Line):
    """Commits together what waits together: a commit takes as long as the disk, however much is in it.

    Each call is still whole or not at all, and in the order of asking: within the transaction it has a
    savepoint of its own. When the database itself fails, each is done again, alone.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        super().__init__(engine, name)
        self._waiting: deque[Call] = deque()

    async def run(self, fn: Callable[..., T], args: tuple[object, ...]) -> T:
        loop = asyncio.get_running_loop()
        call = Call(fn, args, loop.create_future())
        self._waiting.append(call)
        try:
            self._thread.submit(self._serve, loop)
        except RuntimeError:
            self._waiting.remove(call)
            raise
        answer: T = await call.answer
        return answer

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do what waits now: perhaps nothing, when the one before has done it along with its own."""
        calls: list[Call] = []
        while self._waiting and len(calls) < TOGETHER:
            call = self._waiting.popleft()
            if not call.answer.cancelled():
                calls.append(call)
        if len(calls) == 1 or not self._together(calls):
            for call in calls:
                self._alone(call)
        # The loop may be gone: then nobody waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_answer, calls)

    def _together(self, calls: Sequence[Call]) -> bool:
        """Whether one transaction did for all of them."""
        if not calls:
            return True
        try:
            with self._engine.begin() as conn:
                for call in calls:
                    _part(conn, call)
        except SQLAlchemyError:
            return False
        return True

    def _alone(self, call: Call) -> None:
        call.error = None
        try:
            call.result = self._run(call.fn, call.args)
        except Exception as error:  # noqa: BLE001 - its caller's to handle
            call.error = error


def _part(conn: Connection, call: Call) -> None:
    """One call's share; raises what concerns all the others as well."""
    try:
        with conn.begin_nested():
            call.result = call.fn(conn, *call.args)
    except IntegrityError as error:
        call.error = translate(error)
        call.error.__cause__ = error
    except SQLAlchemyError:
        raise
    except Exception as error:  # noqa: BLE001 - its caller's to handle
        call.error = error


def _answer(calls: Sequence[Call]) -> None:
    for call in calls:
        if call.answer.done():
            continue  # its caller has gone away
        if call.error is None:
            call.answer.set_result(call.result)
        else:
            call.answer.set_exception(call.error)
