"""Scan2Cap: one object to describe, judged against all descriptions that people gave of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources import scanrefer
from proxy3d.spacespan.sources.rows import Item, Row, Unusable, imported, kind, load, worded_answer


def read(path: Path) -> Iterator[Record | Dropped]:
    """ScanRefer's rows grouped by object, or a corpus file; a folder with both gives the rows."""
    path = Path(path)
    patterns = [scanrefer.FILES]
    if path.is_dir() and not any(path.rglob(scanrefer.FILES)):
        patterns = ["*corpus*.json"]
    return imported(path, *patterns, source="scan2cap", licence=scanrefer.LICENCE, ask=question, items=objects)


def objects(file: Path) -> Iterator[Item]:
    """One item per object, in the order in which the file first names it."""
    content = load(file)
    if isinstance(content, dict):
        yield from (corpus_item(file, key, captions) for key, captions in content.items())
    elif isinstance(content, list):
        yield from grouped(file, content)
    else:
        raise BadInput(f"{file}: expected ScanRefer's list of rows or a corpus {{object: [captions]}}, got {kind(content)}")


def corpus_item(file: Path, key: str, captions: object) -> Item:
    """Keys are scene|object_id or scene|object_id|object_name; captions may stand between sos and eos."""
    parts = key.split("|")
    if len(parts) not in (2, 3) or not isinstance(captions, list):
        return f"{file.name}, key {key[:60]}", Unusable("expected scene|object_id with a list of captions")
    bare = [re.sub(r"^\s*sos\s|\seos\s*$", "", caption) if isinstance(caption, str) else caption for caption in captions]
    named = {"object_name": parts[2]} if len(parts) == 3 else {}
    return f"{file.name}, key {key[:60]}", {"scene_id": parts[0], "object_id": parts[1], "descriptions": bare, **named}


def grouped(file: Path, rows: list) -> Iterator[Item]:
    """Rows of one object become one item; a row that names no object stays by itself and is dropped later."""
    found: dict[tuple[str, str], dict] = {}
    for number, row in enumerate(rows, 1):
        where = f"{file.name}, row {number}"
        words = [row.get(key) if isinstance(row, dict) else None for key in ("scene_id", "object_id", "description")]
        if not all(isinstance(word, str) and word.strip() for word in words):
            yield where, Unusable("no scene_id, object_id and description as text")
            continue
        item = found.setdefault((row["scene_id"], row["object_id"]), {**row, "descriptions": [], "where": where})
        item["descriptions"].append(row["description"])
    yield from ((item["where"], item) for item in found.values())


def question(row: Row) -> Iterator[Record]:
    """The object is asked for by the id that ScanNet gives it; its box is not in these files."""
    scene, target = row.text("scene_id"), row.id("object_id")
    captions = row.texts("descriptions")
    if not captions:
        raise Unusable("no caption")
    yield row.record(
        f"{scene}|{target}",
        room_id=scene,
        family="scan2cap",
        question=f"Describe object {target}: what it is, what it looks like and where it is.",
        subject=row.text("object_name").replace("_", " ") if row.has("object_name") else "",
        targets=(target,),
        **worded_answer(captions, "caption"),
    )
