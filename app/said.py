"""What goes wrong in the storage, as what people are told."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import DiskFull, UserError
from storage import DiskFull as NoSpace
from storage import StorageError


def user_error(error: StorageError) -> UserError:
    """The same sentence for people; a full disk stays what it is."""
    return (DiskFull if isinstance(error, NoSpace) else UserError)(str(error))


@contextmanager
def said() -> Iterator[None]:
    """Raises UserError, DiskFull among them, for what the storage raises inside."""
    try:
        yield
    except StorageError as error:
        raise user_error(error) from error
