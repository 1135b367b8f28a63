"""Nr3D: one object to find among others of its kind, in the words people used so that somebody else would find it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.rows import Item, Row, Unusable, found_answer, imported, kind, listed, load, worded_answer

LICENCE = "see the project's site"


def read(path: Path) -> Iterator[Record | Dropped]:
    """The table of utterances, or captions by scene, which name a kind of object and no object."""
    return imported(path, "nr3d*.csv", "nr3d*by_scene*.json", source="nr3d", licence=LICENCE, ask=question, items=items)


def items(file: Path) -> Iterator[Item]:
    """Rows of a table; or {scene: [[label, utterance], ...]} as one item per utterance."""
    if file.suffix != ".json":
        yield from listed(file)
        return
    content = load(file)
    if not isinstance(content, dict):
        raise BadInput(f"{file}: expected an object {{scene: [[label, utterance], ...]}}, got {kind(content)}")
    for scene, pairs in content.items():
        for number, pair in enumerate(pairs if isinstance(pairs, list) else [pairs], 1):
            good = isinstance(pair, list) and len(pair) == 2
            item = dict(zip(("label", "caption"), pair, strict=True), scene=scene, nth=number) if good else Unusable("expected [label, utterance]")
            yield f"{file.name}, {scene[:60]}, {number}", item


def question(row: Row) -> Iterator[Record]:
    """`tokens` holds a Python list as text; it repeats the utterance and is never read."""
    if row.file.suffix == ".json":
        yield caption(row)
        return
    _, _, count, *_ = [*row.text("stimulus_id").split("-", 4), "", ""]
    if not count.isdecimal():
        raise Unusable("stimulus_id: expected scene-label-count-target-others")
    yield row.record(
        row.position,
        room_id=row.text("scan_id"),
        family=f"{row.source}_{'easy' if int(count[:9]) <= 2 else 'hard'}",
        question=row.text("utterance"),
        subject=row.text("instance_type"),
        **found_answer((row.id("target_id"),)),
    )


def caption(row: Row) -> Record:
    """Which of the chairs is meant is not known here, so this is something to say, not something to find."""
    scene, label = row.text("scene"), row.text("label")
    return row.record(
        f"{scene}|{row.item['nth']}",
        room_id=scene,
        family="nr3d_caption",
        question=f"Describe a {label} in this room so that somebody else would find it.",
        subject=label,
        **worded_answer((row.text("caption"),), "caption"),
    )
