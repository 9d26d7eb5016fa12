"""How a command is asked to end: Ctrl-C, TERM and a terminal that closes (HUP) mean the same."""
from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")                # the last is Windows' own


def end_at_once() -> NoReturn:
    """What a second Ctrl-C means."""
    with suppress(OSError):
        os.write(2, b"Ended at once.\n")
    os._exit(1)


@contextmanager
def stoppable(for_good: bool = False) -> Iterator[None]:
    """Whatever asks to end raises KeyboardInterrupt in the main thread, once, so that work is saved and all is closed in order.

    Asked again, only Ctrl-C counts, and ends the process at once. What is ignored (nohup) stays ignored.

    for_good: the process ends afterwards, and whoever asks while it does is answered in the same way.
    """
    asked = False

    def stop(number: int, _: Any) -> None:
        nonlocal asked
        if number == getattr(signal, "SIGHUP", None):
            signal.raise_signal(signal.SIGTERM)                    # for which a server has a handler of its own while it runs
        elif not asked:
            asked = True
            raise KeyboardInterrupt
        elif number == signal.SIGINT:
            end_at_once()

    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []                                               # signals are the main thread's alone
    before = {number: signal.getsignal(number) for number in numbers}
    changed = [number for number in numbers if before[number] not in (signal.SIG_IGN, None)]
    for number in changed:
        signal.signal(number, stop)
    if for_good:                                                   # what Python hears no more, at its very end, must not end it otherwise
        atexit.register(lambda: [signal.signal(number, signal.SIG_IGN) for number in changed])
    try:
        yield
    finally:
        asked = True
        for number in [] if for_good else changed:
            signal.signal(number, before[number])


@contextmanager
def between_steps() -> Iterator[Callable[[], bool]]:
    """For work that must not be left half done: within it, whoever asks to end is noted, and what it yields says so. Asked again, it is as
    it was outside.

    Raises KeyboardInterrupt at its end if somebody asked.
    """
    asked = threading.Event()
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for name in NAMES if main and (number := getattr(signal, name, None)) is not None}

    def restore() -> None:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)

    def note(number: int, _: Any) -> None:
        restore()
        asked.set()

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, note)
    try:
        yield asked.is_set
    finally:
        restore()
    if asked.is_set():
        raise KeyboardInterrupt
