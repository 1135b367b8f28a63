"""SPAR: spatial questions about one or several pictures of a scanned room."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.rows import Row, Unusable, imported
from proxy3d.spacespan.sources.vsi_590k import spoken


def read(path: Path) -> Iterator[Record | Dropped]:
    """Conversations with the kind of question from spar_info; points that are drawn into pictures are not read."""
    return imported(path, "*.jsonl", "*.json", source="spar", licence="check the card", ask=questions)


def questions(row: Row) -> Iterator[Record]:
    """spar_info is JSON inside a text."""
    try:
        info = json.loads(row.text("spar_info")) if row.has("spar_info") else {}
    except (json.JSONDecodeError, RecursionError):
        raise Unusable("spar_info: expected JSON in a text") from None
    task = info.get("type") if isinstance(info, dict) else None
    yield from spoken(row, row.name("id"), f"spar_{task}" if isinstance(task, str) and task else "spar")
