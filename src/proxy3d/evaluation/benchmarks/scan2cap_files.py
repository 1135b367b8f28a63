"""Captions of objects as people store them: ScanRefer's rows, corpora, proposals with captions, and rows of peers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.evaluation.prediction_files import one_file, read_predictions, said
from proxy3d.evaluation.scoring import Example, Predictions
from proxy3d.evaluation.worded import answered, examples_from
from proxy3d.spacespan.sources import scanrefer
from proxy3d.spacespan.sources.rows import Item, Unusable, kind, load, numbers
from proxy3d.spacespan.sources.scan2cap import corpus_item

Corners = tuple[tuple[float, ...], tuple[float, ...]]  # lowest and highest corner, metres


@dataclass(frozen=True)
class Described:
    """One object: what people said of it, the same in tokens, what it is called, and its box where the file has one."""

    captions: tuple[str, ...]
    tokens: tuple[tuple[str, ...], ...]
    name: str = ""
    box: Corners | None = None


@dataclass(frozen=True)
class Caption:
    """What a model said of an object or of a box; an IoU with the object where the file states it."""

    text: str
    box: Corners | None = None
    iou: float | None = None
    row: Mapping[str, object] | None = None


def described(annotations: Path) -> Sequence[Example]:
    """Objects with all that was said of them, in the order in which the file first names them.

    Raises:
        BadInput: neither ScanRefer's rows nor a corpus.
    """
    path = Path(annotations)
    corpus = path.is_dir() and not any(path.rglob(scanrefer.FILES))
    file = one_file(path, "*corpus*.json" if corpus else scanrefer.FILES)
    content = load(file)
    if isinstance(content, dict):
        items: Iterator[Item] = (corpus_item(file, key, captions) for key, captions in content.items())
    elif isinstance(content, list):
        items = grouped(content)
    else:
        raise BadInput(f"{file}: expected ScanRefer's list of rows or a corpus {{object: [captions]}}, got {kind(content)}")
    return examples_from(items, file, example)


def grouped(rows: list) -> Iterator[Item]:
    """Rows of one object as one item; tokens stay beside their description."""
    found: dict[tuple[str, str], dict] = {}
    for number, row in enumerate(rows, 1):
        words = [row.get(key) if isinstance(row, dict) else None for key in ("scene_id", "object_id", "description")]
        if not all(isinstance(word, str) for word in words):
            yield f"row {number}", Unusable("expected scene_id, object_id and description as text")
            return
        item = found.setdefault((words[0], words[1]), {**row, "where": f"row {number}", "descriptions": [], "tokens": []})
        item["descriptions"].append(words[2])
        item["tokens"].append(row.get("token"))
    yield from ((item["where"], item) for item in found.values())


def example(item: dict) -> Example:
    """One object; without tokens of the file a description is split at blanks, stops and commas."""
    captions = item["descriptions"]
    if not captions or not all(isinstance(text, str) for text in captions):
        raise Unusable("captions: expected a list of texts")
    given = item.get("tokens") or [None] * len(captions)
    tokens = tuple(
        tuple(own) if isinstance(own, list) and all(isinstance(t, str) for t in own) else plain_tokens(text)
        for own, text in zip(given, captions, strict=True)
    )
    box = corners(item["bbox"]) if item.get("bbox") is not None else None
    name = item.get("object_name")
    truth = Described(tuple(captions), tokens, name.replace("_", " ") if isinstance(name, str) else "", box)
    return Example(f"{item['scene_id']}|{item['object_id']}", "", truth, f"Describe object {item['object_id']}.")


def plain_tokens(text: str) -> tuple[str, ...]:
    return tuple(text.lower().replace(".", " . ").replace(",", " , ").split())


def read_captions(file: Path, examples: Sequence[Example]) -> Predictions:
    """Captions by object, or proposals with captions by scene, which get ids `scene|#number`.

    Raises:
        BadInput: not a file of captions.
    """
    known = {e.id: None for e in examples}
    scenes = {own_id.partition("|")[0] for own_id in known}
    file = Path(file)
    rows = list(said(file, ("sample_id", "id", "key", "scene_id")))
    if not any(isinstance(value, list) and own_id is not None and (own_id in scenes or not known) for _, own_id, value in rows):
        return read_predictions(file, known, captioned, ids=("object_key", "sample_id", "key", "id", "qid"), make_id=object_key)
    return read_predictions(file, {}, captioned, rows=list(spread(rows, scenes)))


def spread(rows: Sequence[tuple[str, str | None, object]], scenes: set[str]) -> Iterator[tuple[str, str | None, object]]:
    """Proposals of each scene one by one."""
    seen: set[str] = set()
    for where, scene, value in rows:
        if scene is None or not isinstance(value, list):
            yield where, None, Unusable(f"expected a list of captions with boxes, got {kind(value)}")
        elif scene in seen or (scenes and scene not in scenes):
            yield where, None, Unusable("scene given twice; the first one counts" if scene in seen else "scene of no example")
        else:
            seen.add(scene)
            for number, proposal in enumerate(value):
                usable = isinstance(proposal, dict) and proposal.get("box", proposal.get("bbox")) is not None
                yield f"{where}, {number}", f"{scene}|#{number}", proposal if usable else Unusable("expected a caption with a box")
    yield from ((scene, None, Unusable("scene without predictions")) for scene in sorted(scenes - seen))


def object_key(key: object, row: object) -> object:
    """`scene|object_id` from a key that may go on with a name, or from a row that names both."""
    if isinstance(row, dict) and row.get("scene_id") is not None:
        target = next((row[k] for k in ("object_id", "obj_id", "gt_id") if row.get(k) is not None), None)
        key = key if target is None else f"{row['scene_id']}|{target}"
    return "|".join(key.split("|")[:2]) if isinstance(key, str) else key


def captioned(value: object) -> Caption:
    """A caption from a plain text, a list with one, or a row with a box or an IoU.

    Raises:
        Unusable: no text, a box that is none, or an IoU that is none.
    """
    if isinstance(value, Unusable):
        raise value
    text = answered(value).text
    if not isinstance(value, dict):
        return Caption(text)
    box, iou = next((value[k] for k in ("box", "bbox", "pred_box") if value.get(k) is not None), None), value.get("iou")
    if iou is not None and (isinstance(iou, bool) or not isinstance(iou, int | float) or not math.isfinite(iou)):
        raise Unusable("iou: expected a finite number")
    return Caption(text, corners(box) if box is not None else None, iou, value)


def corners(value: object) -> Corners:
    """Lowest and highest corner of 8 corners, of [lowest, highest], or of six numbers: centre and full size.

    Raises:
        Unusable: none of them, or something else than finite numbers.
    """
    if isinstance(value, list) and len(value) == 6:
        middle = numbers("box", value, 6)
        if min(middle[3:]) < 0:
            raise Unusable("box: a size below 0")
        return tuple(tuple(middle[i] + side * middle[3 + i] / 2 for i in range(3)) for side in (-1, 1))
    if not isinstance(value, list) or len(value) not in (2, 8):
        raise Unusable("box: expected 8 corners, [lowest, highest], or centre and size")
    axes = list(zip(*(numbers("box", corner, 3) for corner in value), strict=True))
    return tuple(min(a) for a in axes), tuple(max(a) for a in axes)
