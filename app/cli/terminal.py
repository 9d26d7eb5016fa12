"""What the command line prints, and the files that it is given and writes."""
from __future__ import annotations

import errno
import io
import locale
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.uncertain import folded


@contextmanager
def streams() -> Iterator[None]:
    """Output that any encoding takes, with escapes for what it lacks; a reader who has enough (`| head`), or none, ends nothing.

    Exits with 1 and a sentence where the output could not be written.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:                                         # closed before we came
            setattr(sys, name, open(os.devnull, "w"))              # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        gone = error.errno in (errno.EPIPE, errno.EINVAL)          # the second is what Windows says
        if error.filename is not None or not (gone or error.errno in (errno.ENOSPC, errno.EIO)):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())       # what is still to be written at the exit
        if not gone:
            print(f"The output could not be written ({error.strerror}); what was made is kept.", file=sys.stderr)
            raise SystemExit(1) from None


def decimal_comma() -> bool:
    """Whether decimals are written with a comma where this runs."""
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, "")
        return locale.localeconv()["decimal_point"] == ","
    except locale.Error:                                           # one that the system does not have
        return False
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)


def bar(done: int, total: int, text: str = "") -> None:
    """A progress bar on standard error, only on a terminal."""
    if sys.stderr.isatty() and total:
        filled = 30 * done // total
        end = "\n" if done >= total else ""
        print(f"\r{'█' * filled}{'░' * (30 - filled)} {done}/{total} {text}", end=end, file=sys.stderr, flush=True)


def watch(service: Any, job_id: str) -> Any:
    """Follow a job to its end, whichever that is; Ctrl-C stops it."""
    try:
        while True:
            view = service.wait(job_id, 0.1)
            bar(view.step, view.total, view.note)
            if view.status not in ("waiting", "loading", "running"):
                break
    except KeyboardInterrupt:
        service.stop(job_id)
        view = service.wait(job_id)
        print("\nStopped.", file=sys.stderr)
    if view.note:
        print(view.note, file=sys.stderr)
    return view


def follow(service: Any, job_id: str) -> Any:
    """The same. Raises UserError if it failed; one that kept pictures before comes back, and the sentence is printed."""
    view = watch(service, job_id)
    if view.status == "failed":
        error = view.error or "The job failed."
        if not view.shots:
            raise UserError(error)
        print(error, file=sys.stderr)
    return view


def folder(name: str | None) -> Path | None:
    """The folder, made if it is not there yet; None for none. Raises UserError."""
    if name is None:
        return None
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {path} cannot be made ({error.strerror}); choose another with --out.") from error
    return path


def show(result: dict[str, Any], indent: str = "") -> None:
    """A result for people; numbers with a standard error, beside them as `NAME_se`, have as many digits as it allows."""
    for key, value in folded(result).items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for entry in value:
                print(indent + "  ".join(f"{k} {_short(v)}" for k, v in folded(entry).items() if v not in (None, "", [], {})))
        elif isinstance(value, dict):
            print(f"{indent}{key}")
            show(value, indent + "  ")
        elif value is not None:
            print(f"{indent}{key}: {_short(value)}")


def amount(size: float) -> str:
    """Bytes as "1.2 GB", in powers of ten as the page and the Hub write them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
