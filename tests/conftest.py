"""Before torch is imported: the same waiting policy as the program's own."""
import app  # noqa: F401
