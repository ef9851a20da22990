"""Threads with a connection each, to test what two processes can do to each other."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from threading import Barrier, Thread
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections

PATIENCE_S = 20
# A statement that takes longer than this is taken to wait for a lock.
SURELY_WAITING_S = 0.05

_threads: list[Thread] = []


class Call:
    """One call in a thread of its own."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._result: Any = None
        self._error: BaseException | None = None
        self.thread = Thread(target=self._run, daemon=True)
        _threads.append(self.thread)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 - raised again by result()
            self._error = error
        finally:
            connections.close_all()

    def is_waiting(self) -> bool:
        """Whether the call does not return by itself."""
        self.thread.join(SURELY_WAITING_S)
        return self.thread.is_alive()

    def returns(self) -> bool:
        """Whether the call returns by itself, however slow the machine is."""
        self.thread.join(PATIENCE_S)
        return not self.thread.is_alive()

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive(), "the call never came back"
        if self._error:
            raise self._error
        return self._result


def wait_for_calls() -> None:
    """Wait for the calls whose results were not asked for, for example because a test failed.

    A thread can close its connection only while Django knows the database.
    """
    while _threads:
        _threads.pop().join(PATIENCE_S)


def run_and_close(work: Coroutine[Any, Any, Any]) -> Any:
    """Run `work` in an event loop, then close the connections that its threads opened.

    From Python 3.13 on, a connection to SQLite that is collected while open is a warning.
    """

    async def work_and_close() -> Any:
        try:
            return await work
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(work_and_close())


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Call all `functions` at the same moment, each in a thread; return their results."""
    barrier = Barrier(len(functions))

    def after_barrier(function: Callable[[], Any]) -> Callable[[], Any]:
        def wait_and_call() -> Any:
            barrier.wait(PATIENCE_S)
            return function()

        return wait_and_call

    return [call.result() for call in [Call(after_barrier(function)) for function in functions]]


@contextmanager
def before_statement(
    using: str, words: str, action: Callable[[], Any], *, skip: int = 0
) -> Iterator[None]:
    """Do `action` in another thread right before a statement that holds `words`.

    Args:
        skip: How many such statements pass before.
    """
    seen: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if words in sql:
            seen.append(sql)
            if len(seen) == skip + 1:
                Call(action).result()
        return execute(sql, params, many, context)

    with connections[using].execute_wrapper(watch):
        yield
    assert len(seen) > skip, f"no such statement held {words!r}"


class Killed(BaseException):
    """Like SIGKILL: none of our code runs any more, and open transactions are rolled back."""


def dies_at(point: int, using: str, function: Callable[[], Any]) -> bool:
    """Call `function` and die right before its statement `point`; False if it ended before."""
    statements = 0

    def die(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal statements
        statements += 1
        if statements == point + 1:
            raise Killed
        return execute(sql, params, many, context)

    with connections[using].execute_wrapper(die):
        try:
            function()
        except Killed:
            return True
    return False
