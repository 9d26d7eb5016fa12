"""The command `sextant` of the installed package, where this file is sextant/__main__.py.

All else stands in folders beside it, so that the environment has one folder of ours, and none called app or storage that another
package may have too. They know each other by the names that they have in the checkout, so this folder is put before all others, as
launch.py puts the checkout's.
"""
from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    sys.path.insert(0, str(Path(__file__).parent))
    from app.cli import main as program
    return program()


if __name__ == "__main__":
    sys.exit(main())
