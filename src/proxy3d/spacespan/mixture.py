"""Which sources, in which share, with which seed; and no place of an evaluation set among them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.spacespan.places import place_of, places_in
from proxy3d.spacespan.record import Record, make_room, read_records, write_records
from proxy3d.spacespan.room import read_rooms
from proxy3d.spacespan.sources.rows import decoded, load


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value < float("inf")


@dataclass(frozen=True)
class Mixture:
    """Shares by source, or by one family of a source; they need not add up to anything."""

    shares: dict[str, float]
    seed: int = 0
    total: int | None = None  # None: as many as the scarcest share allows
    split: str = "train"

    def __post_init__(self):
        if not isinstance(self.shares, dict) or not self.shares or not all(_is_count(share) and share > 0 for share in self.shares.values()):
            raise ValueError(f"Mixture.shares: expected a number above 0 for each source, got {self.shares!r}")
        if not isinstance(self.seed, int) or not (self.total is None or (isinstance(self.total, int) and self.total > 0)):
            raise ValueError(f"Mixture: expected a whole seed and a whole total above 0 or none, got {self.seed!r} and {self.total!r}")

    @staticmethod
    def load(path: Path) -> Mixture:
        """Raises BadInput when the file is no mixture."""
        try:
            return Mixture(**load(Path(path)))
        except (TypeError, ValueError) as error:
            why = str(error).replace("Mixture.__init__() ", "")
            raise BadInput(f'{path}: {why}; expected an object like {{"shares": {{"scanqa": 3, "sqa3d": 1}}, "seed": 0}}') from None

    def to_json(self) -> str:
        return json.dumps(self.__dict__, indent=2)


# Proxy3D (arXiv 2605.08064) states 318K samples from these eight sources. Their counts are not published: the shares are read off
# the angles of a figure (26 %, 13 %, 13 % and five times 9.6 %), look like 8 : 4 : 3, and are inferred, not stated. No total here: a share
# of 3 would be 31K, and SQA3D and ScanQA have fewer training questions, so the paper must count a question more than once.
SPACESPAN_318K = Mixture(
    shares={
        "sr_91k": 8,
        "mmscan_vg": 4,
        "mmscan_qa": 4,
        "multi3drefer": 3,
        "scanrefer": 3,
        "scan2cap": 3,
        "sqa3d": 3,
        "scanqa": 3,
    },
)


def draw(mixture: Mixture, records: Iterable[Record]) -> list[Record]:
    """So many records of each share, in an order that the seed alone decides.

    A record's place in the draw depends on its id and the seed: other sources and the order of files change nothing.

    Raises:
        BadInput: a share has fewer records than it should give.
    """
    groups: dict[str, dict[str, Record]] = {key: {} for key in mixture.shares}
    for record in records:
        key = next((k for k in (record.family, record.source) if k in groups), None)
        if key is not None and record.split == mixture.split and record.answer_type != "hidden":
            groups[key][record.question_id] = record
    counts = shared_out(mixture, {key: len(group) for key, group in groups.items()})

    def rank(question_id: str) -> str:
        return hashlib.sha256(f"{mixture.seed} {question_id}".encode()).hexdigest()

    drawn = [group[i] for key, group in groups.items() for i in sorted(group, key=rank)[: counts[key]]]
    return sorted(drawn, key=lambda record: rank(record.question_id))


def shared_out(mixture: Mixture, there: dict[str, int]) -> dict[str, int]:
    """How many records each share gives: largest remainders, so that the total is exact."""
    whole = sum(mixture.shares.values())
    most = min(int(there[key] * whole / share) for key, share in mixture.shares.items())
    total = most if mixture.total is None else mixture.total
    exact = {key: total * share / whole for key, share in mixture.shares.items()}
    counts = {key: int(value) for key, value in exact.items()}
    for key in sorted(exact, key=lambda k: (counts[k] - exact[k], k))[: total - sum(counts.values())]:
        counts[key] += 1
    short = [f"{key} has {there[key]} of {count}" for key, count in counts.items() if there[key] < count]
    if short or not total:
        raise BadInput(f"too few {mixture.split} records: {', '.join(short) or 'a share has none'}; import more, or lower total to {most} or less")
    return counts


def evaluation_places(files: Iterable[Path]) -> dict[str, str]:
    """{place: the file that names it} of evaluation sets.

    A file is a list of clip names, one per line (.txt, as SpaceR's exclude_list.txt); scenes as the keys of an object (VSI-Bench's meta
    info); a JSON list of names or of rows with scene_id or scene_name; records (.jsonl); or rooms (.rooms.jsonl).
    """
    places: dict[str, str] = {}
    for file in map(Path, files):
        names = scene_names(file)
        if not names:
            raise BadInput(f"{file}: no scene in it; expected names of scenes, one per line, or the keys of a JSON object")
        for name in names:
            places.setdefault(place_of(name), file.name)
    return places


def scene_names(file: Path) -> list[str]:
    """Every scene that a file of an evaluation set names."""
    if not file.is_file():
        raise BadInput(f"{file}: no such file; expected scenes of an evaluation set")
    if file.name.endswith(".rooms.jsonl"):
        return [room.room_id for room in read_rooms(file)]
    if file.suffix == ".jsonl":
        return [record.room_id for record in read_records(file)]
    if file.suffix == ".txt":
        return [line.strip() for line in decoded(file).splitlines() if line.strip()]
    content = load(file)
    if isinstance(content, dict) and all(isinstance(scene, dict) for scene in content.values()):
        return list(content)
    rows = content if isinstance(content, list) else []
    names = [row.get("scene_id", row.get("scene_name")) if isinstance(row, dict) else row for row in rows]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise BadInput(f"{file}: expected names of scenes: a list, rows with scene_id or scene_name, or an object with a scene per key")
    return names


def leaks(records: Iterable[Record], places: dict[str, str], splits: tuple[str, ...] = ("train", "all")) -> list[tuple[Record, str]]:
    """Records that may be trained on, each with the place of an evaluation set that it shows."""
    found = ((record, places_in(record) & places.keys()) for record in records if record.split in splits)
    return [(record, min(shown)) for record, shown in found if shown]


def mix(mixture: Mixture, files: Iterable[Path], out: Path, *, against: Iterable[Path] = (), force: bool = False) -> dict:
    """Draw from record files into `out`, with a manifest beside it: the mixture, counts, and the sha256 of every file read.

    Records that show a place of an evaluation set are left out before the draw, and counted.
    """
    out, files, against = Path(out), [Path(f) for f in files], [Path(f) for f in against]
    manifest = out.with_suffix(".manifest.json")
    make_room(out, manifest, force=force)
    records = [record for file in files for record in read_records(file)]
    leaked = {record.question_id for record, _ in leaks(records, evaluation_places(against), (mixture.split,))}
    drawn = draw(mixture, (record for record in records if record.question_id not in leaked))
    inputs = {str(file): sha256(file) for file in (*files, *against)}
    write_records(out, drawn)
    facts = {
        "mixture": mixture.__dict__,
        "records": len(drawn),
        "left_out_for_evaluation": len(leaked),
        "licences": sorted({record.licence for record in drawn}),
        "inputs": inputs,
        "output": sha256(out),
    }
    manifest.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return {"file": str(out), "manifest": str(manifest), **facts}


def sha256(file: Path) -> str:
    """What a file says, in 64 letters; annotation files are replaced upstream without a word."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
