"""Sr3D: Nr3D's task in sentences that a program made from relations between objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources import nr3d
from proxy3d.spacespan.sources.rows import imported


def read(path: Path) -> Iterator[Record | Dropped]:
    """The table of utterances, with the same columns as Nr3D's."""
    return imported(path, "sr3d*.csv", source="sr3d", licence=nr3d.LICENCE, ask=nr3d.question)
