"""What a file is called while it is written."""

from __future__ import annotations

import os
from pathlib import Path


def part_of(path: Path) -> Path:
    """A name beside `path`, of this process alone: writing ends with a rename, and several processes may write the same file."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")
