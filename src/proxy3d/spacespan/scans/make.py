"""Questions about scanned rooms: the families of our own rooms, as far as boxes alone can answer them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.spacespan.questions import Vocabulary, ask_about, balance
from proxy3d.spacespan.record import Dropped, Record, make_room, write_records
from proxy3d.spacespan.scans.agreement import agreement
from proxy3d.spacespan.scans.meta_info import LICENCE, SOURCE, Scanned, read

PER_FAMILY = 4
SHOWN = 20


def ask_scans(path: Path, out: Path, *, seed: int = 0, per_family: int = PER_FAMILY, force: bool = False) -> dict:
    """Records into `out`, their rooms into `<out>.rooms.jsonl`, what was left out into `<out>.dropped.jsonl`, and how many of each.

    The rooms are those that VSI-Bench tests on: records and rooms say split test and keep the names of the scenes, so that `data check`
    and `data mix` recognise their places.

    Raises:
        BadInput: no room can be read, or something lies at `out` already.
    """
    out = Path(out)
    stem = out.name.removesuffix(".jsonl")
    rooms_file, aside = out.with_name(f"{stem}.rooms.jsonl"), out.with_name(f"{stem}.dropped.jsonl")
    if per_family < 1:
        raise BadInput(f"--per-family {per_family}: expected at least 1")
    make_room(out, rooms_file, aside, force=force)
    rows = list(read(Path(path)))
    scans = [row for row in rows if isinstance(row, Scanned)]
    dropped = [row for row in rows if isinstance(row, Dropped)]
    if not scans:
        raise BadInput(f"{path}: no room can be used; the first says: {dropped[0].reason}")
    records = asked(scans, seed=seed, per_family=per_family)
    write_records(aside, dropped)
    write_records(rooms_file, (scan.room for scan in scans))
    write_records(out, records)
    objects = [o for scan in scans for o in scan.room.objects]
    return {
        "file": str(out),
        "rooms_file": str(rooms_file),
        "dropped_file": str(aside),
        "source": SOURCE,
        "licence": LICENCE,
        "rooms": len(scans),
        "datasets": dict(sorted(Counter(scan.room.kind for scan in scans).items())),
        "objects": len(objects),
        "leaning_objects": sum(not o.upright for o in objects),
        "records": len(records),
        "families": dict(sorted(Counter(record.family for record in records).items())),
        "agreement": agreement(records, scans),
        "dropped": len(dropped),
        "reasons": dict(Counter(row.reason for row in dropped).most_common(SHOWN)),
    }


def asked(scans: Sequence[Scanned], *, seed: int, per_family: int) -> list[Record]:
    """Balanced records of every room, each scanning project by itself: what one never boxes is not absent from its rooms."""
    records: list[Record] = []
    for project in sorted({scan.room.kind for scan in scans}):
        rooms = [scan.room for scan in scans if scan.room.kind == project]
        vocabulary = Vocabulary.of(rooms, 3 if len(rooms) >= 50 else 1)
        made = [r for room in rooms for r in ask_about(room, rng_seed=seed, per_family=per_family, vocabulary=vocabulary)]
        records += balance(made, seed)
    return [replace(r, question_id=f"{SOURCE}/{r.question_id}", source=SOURCE, licence=LICENCE) for r in records]
