"""The one exception of the storage."""


class StorageError(Exception):
    """Something could not be stored or found; the message is one sentence for the user."""


class DiskFull(StorageError):
    """There is no room on the disk for what was to be stored; later there may be."""
