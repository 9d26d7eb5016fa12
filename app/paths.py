"""The one folder in which everything of the user's lives."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.errors import BadInput, UserError

ROOT = Path(__file__).parents[1]           # holds app/, pipelines/, weights/ and storage/: the checkout, or a folder of an environment
CHECKOUT = (ROOT / "launch.py").is_file()
PROGRAM = "launch.py" if CHECKOUT else "sextant"


@dataclass(frozen=True)
class Paths:
    """database and images are the storage's own; runs holds trainings, tables what was measured, data_sets pictures to learn from."""
    data: Path

    @property
    def runs(self) -> Path:
        return self.data / "runs"

    @property
    def data_sets(self) -> Path:
        return self.data / "data-sets"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def tables(self) -> Path:
        return self.data / "tables"

    @property
    def exports(self) -> Path:
        return self.data / "exports"


def open_paths(folder: str | None, writable: bool = True) -> Paths:
    """The data folder, made if it is not there; None: the system's usual one.

    Raises UserError if it cannot be had; writable: also if nothing can be written into it.
    """
    if folder is not None and not folder.strip():
        raise BadInput("--data names no folder; name one, or leave --data away.")
    from platformdirs import user_data_path  # not before: help is given where nothing is installed

    try:
        data = user_data_path("sextant", appauthor=False) if folder is None else Path(folder).expanduser().resolve()
        data.mkdir(parents=True, exist_ok=True)
        if writable:
            probe = data / ".write-test"
            probe.write_bytes(b"")
            probe.unlink(missing_ok=True)                  # another command may have tried at the same moment
    except RuntimeError as error:                          # nobody's home, as in a container; an unknown ~name; links in a circle
        raise UserError(f"The data folder {folder or 'of this program'} is no path ({error}); choose another one with "
                        "--data DIR.") from error
    except OSError as error:
        raise UserError(f"The data folder {folder or 'of this program'} cannot be written ({error.strerror}); choose another one with "
                        "--data DIR.") from error
    from pipelines.data import FOLDERS
    paths = Paths(data)
    FOLDERS[:] = [paths.data_sets]
    return paths


class NeedsCheckout(UserError):
    """An installed package lacks what only those who work on the project need."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} needs the project's checkout, with its tests and tools; get it, and start python3 launch.py there.")
