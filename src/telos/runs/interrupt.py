"""Ctrl-C that lets a loop finish its step and save."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any


class Interrupt:
    """Turns the first SIGINT or SIGTERM into a request that a loop can read.

    The second one raises KeyboardInterrupt. Outside the main thread, where Python
    cannot catch signals, it never requests anything.

        with Interrupt() as interrupt:
            for step in steps:
                ...
                if interrupt.requested:
                    save()
                    break
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in self._SIGNALS:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        print(
            "\nfinishing this step and saving; press Ctrl-C again to stop at once",
            file=sys.stderr,
            flush=True,
        )
