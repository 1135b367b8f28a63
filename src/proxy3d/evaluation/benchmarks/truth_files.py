"""Annotation files of a benchmark, with the boxes, proposals and class names that lie beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks.box_files import Shape, shape, shapes
from proxy3d.spacespan.sources.rows import Row, Unusable, listed, load, question_files, split_of

BOX_FILES = "*boxes*.json"  # {scene: {object id: box}}
PROPOSAL_FILES = "*proposals*.json"  # {scene: [box, ...]}
CLASS_FILE = "scannetv2-labels.combined.tsv"  # ScanNet's own; it may not be passed on, so it is read where somebody has it
NAMES = (
    "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture", "counter", "desk", "curtain", "refrigerator",
    "shower curtain", "toilet", "sink", "bathtub", "others",
)  # fmt: skip
SEEN = {*range(1, 13), 14, 16, 24, 28, 33, 34, 36}  # of nyu40's ids those that M3DRef-CLIP keeps apart; all others are 39


def question_file(path: Path, *patterns: str, besides: str = "") -> Path:
    """The file, or the one of a folder that is meant: val before test before train.

    Raises:
        BadInput: there is none.
    """
    files = question_files(Path(path), patterns, besides)
    return min(files, key=lambda f: (("val", "test", "all", "train").index(split_of(f.name)), str(f)))


def rows(file: Path, source: str, licence: str) -> Iterator[Row]:
    """Every row of a file.

    Raises:
        BadInput: a row is no object.
    """
    for number, (where, item) in enumerate(listed(file), 1):
        if not isinstance(item, dict):
            raise BadInput(f"{where}: expected an object, got {item if isinstance(item, Unusable) else type(item).__name__}")
        yield Row(item, number, file, file.stem, split_of(file.name), source, licence)


def beside(path: Path, pattern: str) -> dict:
    """The JSON objects of all files of a folder that are called so, as one; empty where there is none, or where `path` is a file."""
    found: dict = {}
    for file in sorted(Path(path).rglob(pattern)) if Path(path).is_dir() else []:
        content = load(file)
        if not isinstance(content, dict):
            raise BadInput(f"{file}: expected an object with a scene per key, got {type(content).__name__}")
        found |= content
    return found


def boxes_beside(path: Path) -> dict[tuple[str, int], Shape]:
    """True boxes by scene and object.

    Raises:
        BadInput: a box that is none.
    """
    found = {}
    for scene, objects in beside(path, BOX_FILES).items():
        for key, value in objects.items() if isinstance(objects, dict) else ():
            try:
                found[scene, int(key)] = shape(value)
            except ValueError as error:
                raise BadInput(f"{scene}, object {key}: {error}; expected a box") from None
    return found


def proposals_beside(path: Path) -> dict[str, tuple[Shape, ...]]:
    """Proposed boxes by scene, in the order that ids count in.

    Raises:
        BadInput: a box that is none.
    """
    try:
        return {scene: shapes(value) for scene, value in beside(path, PROPOSAL_FILES).items()}
    except ValueError as error:
        raise BadInput(f"{path}: proposals with {error}; expected {{scene: [box, ...]}}") from None


def classes_beside(path: Path) -> dict[str, tuple[str, int]]:
    """Raw name -> name of nyu40 and its id; empty where ScanNet's table is not there."""
    files = sorted(Path(path).rglob(CLASS_FILE)) if Path(path).is_dir() else []
    found: dict[str, tuple[str, int]] = {}
    for _, item in listed(files[0]) if files else ():
        if isinstance(item, dict) and str(item.get("nyu40id", "")).isdecimal():
            found.setdefault(item.get("raw_category", ""), (item.get("nyu40class", ""), int(item["nyu40id"])))
    return found


def class_of(name: str, table: Mapping[str, tuple[str, int]], *, m3dref: bool = False) -> int:
    """The class that decides whether a query is unique: one of 18 by name, or one of nyu40's ids by the rule of M3DRef-CLIP."""
    known, number = table.get(name.replace("_", " "), ("", 39))
    if m3dref:
        return number if number in SEEN else 39
    return NAMES.index(known) if known in NAMES else len(NAMES) - 1


def unique_queries(referred: list[tuple[str, int, str]], table: Mapping[str, tuple[str, int]], *, m3dref: bool = False) -> list[bool]:
    """Which queries (scene, object, name) mean the only referred object of their class; objects that nobody describes do not count."""
    kinds = {(scene, target): class_of(name, table, m3dref=m3dref) for scene, target, name in referred}
    counts: dict[tuple[str, int], int] = {}
    for (scene, _), kind in kinds.items():
        counts[scene, kind] = counts.get((scene, kind), 0) + 1
    return [counts[scene, kinds[scene, target]] == 1 for scene, target, _ in referred]
