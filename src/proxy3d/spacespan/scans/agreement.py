"""How answers that come from boxes compare with the numbers that a file states officially."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from proxy3d.spacespan.record import Record
from proxy3d.spacespan.scans.meta_info import Scanned

SHOWN = 20


@dataclass(frozen=True)
class Compared:
    """One answer and the official number, in the unit of the answer."""

    question_id: str
    ours: float
    official: float
    step: float  # answers are whole multiples of this: 1, 0.1 m, 1 m2

    @property
    def equal(self) -> bool:
        """Whether the official number, said as coarsely, is ours; to the rounding of a float that lies half-way."""
        return abs(self.ours - self.official) <= self.step / 2 + 1e-6

    @property
    def relative(self) -> float:
        return abs(self.ours - self.official) / self.official if self.official else float(self.ours != self.official)


def compared(record: Record, scan: Scanned) -> Compared | None:
    """A record beside the official number of its room; None for families that have none.

    Counts and existence: `object_counts`. Longest side: 100 times the longest of `axesLengths`, in whole centimetres. Floor: `room_size`
    to one decimal. All as VSI-Bench's own answers have them.
    """
    count = scan.counts.get(record.subject, 0)
    if record.family == "count":
        pair = float(record.answer), count, 1.0
    elif record.family == "ground_category":
        pair = float(len(record.boxes)), count, 1.0
    elif record.family == "existence":
        pair = float(record.answer == "yes"), float(count > 0), 1.0
    elif record.family == "longest_side":
        pair = float(record.answer.split()[0]), scan.longest_cm[record.subject][0] / 100, 0.1
    elif record.family == "room_size":
        pair = float(record.answer.split()[0]), round(scan.room.floor_m2, 1), 1.0
    else:
        return None
    return Compared(record.question_id, *pair)


def agreement(records: Iterable[Record], scans: Sequence[Scanned]) -> dict[str, dict]:
    """Per family that has official numbers: how many answers, the share equal, the median relative difference, and which differ."""
    rooms = {scan.room.room_id: scan for scan in scans}
    families: dict[str, list[Compared]] = {}
    for record in records:
        if pair := compared(record, rooms[record.room_id]):
            families.setdefault(record.family, []).append(pair)
    return {
        family: {
            "n": len(pairs),
            "equal": sum(p.equal for p in pairs) / len(pairs),
            "relative_difference_median": round(median(p.relative for p in pairs), 6),
            "different": [f"{p.question_id}: {p.ours:g} here, {p.official:g} there" for p in pairs if not p.equal][:SHOWN],
        }
        for family, pairs in sorted(families.items())
    }
