"""What is remembered: SQLite through SQLAlchemy for records, PNG files for pictures. Imports none of our other packages."""
from storage.errors import DiskFull, StorageError
from storage.file_store import FileStore
from storage.files import read_settings
from storage.gallery import Cursor, Facets, Filters, Page
from storage.grids import GridPage, GridSummary
from storage.reconcile import ManyMissing
from storage.records import CellRecord, GridRecord, ImageRecord
from storage.store import Storage

__all__ = ["CellRecord", "Cursor", "DiskFull", "Facets", "Filters", "GridPage", "GridRecord", "GridSummary", "ImageRecord", "ManyMissing",
           "Page", "FileStore", "Storage", "StorageError", "read_settings"]
