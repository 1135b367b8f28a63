"""OpenEQA: open questions about a walk through a flat, answered in free words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy3d.spacespan.places import room_of
from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.rows import Row, imported, worded, worded_answer


def read(path: Path) -> Iterator[Record | Dropped]:
    """All questions of the one file, which is a test; lists of ids and predictions beside it are left alone."""
    return imported(path, "open-eqa-v[0-9].json", source="open_eqa", licence="MIT", ask=question)


def question(row: Row) -> Iterator[Record]:
    """episode_history names the walk: hm3d-v0/000-hm3d-<flat> or scannet-v0/002-scannet-<scene>."""
    walk = row.text("episode_history")
    # One row of the published file lists an empty extra answer; it would accept silence.
    more = [text for text in row.take("extra_answers", list, "a list of texts") if text != ""] if row.has("extra_answers") else []
    yield row.record(
        row.name("question_id"),
        split="test",
        room_id=room_of(walk.rpartition("-hm3d-")[2]),
        family=f"open_eqa_{row.text('category').replace(' ', '_')}",
        question=row.text("question"),
        media=(walk,),
        **worded_answer((row.text("answer"), *(worded("extra_answers", text) for text in more))),
    )
