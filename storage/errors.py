"""The one exception of the storage."""


class StorageError(Exception):
    """Something could not be stored or found; the message is one sentence for the user."""
