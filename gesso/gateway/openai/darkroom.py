"""Where pictures are read and made: off the event loop, and only a few at a time, whoever asks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# The largest picture that is taken has 358 MB once it is decoded, and as much again while it is changed.
AT_ONCE = 4


class Darkroom:
    """One for the whole process. Who gives up while others are at work is taken off the list."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, fn, *args)
