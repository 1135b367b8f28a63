"""From somebody's question files to a file of records, and from files of records to what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.spacespan.mixture import evaluation_places, leaks
from proxy3d.spacespan.places import shared_places
from proxy3d.spacespan.record import Dropped, Record, make_room, read_records, write_records
from proxy3d.spacespan.sources import SOURCES

SHOWN = 20  # of each kind of trouble; the counts are of all


def import_questions(source: str, path: Path, out: Path, *, media: Path | None = None, force: bool = False) -> dict:
    """Records into `out`, dropped rows into `<out>.dropped.jsonl`, and how many of each.

    With `media`, a row whose clip is not in that folder is dropped.

    Raises:
        BadInput: unknown source, unusable file, or something lies at `out` already.
    """
    if source not in SOURCES:
        raise BadInput(f"no source is called {source!r}. Known: {', '.join(sorted(SOURCES))}")
    out = Path(out)
    aside = out.with_name(f"{out.name.removesuffix('.jsonl')}.dropped.jsonl")
    make_room(out, aside, force=force)
    if media is not None and not Path(media).is_dir():
        raise BadInput(f"--media {media}: no such folder; expected the one that clips are named relative to")
    rows = SOURCES[source](Path(path))
    rows = rows if media is None else with_media(rows, Path(media))
    dropped: list[Dropped] = []
    splits, rooms, licences = Counter(), set(), set()

    def kept() -> Iterator[Record]:
        for row in rows:
            if isinstance(row, Dropped):
                dropped.append(row)
                continue
            splits[row.split] += 1
            rooms.add(row.room_id)
            licences.add(row.licence)
            yield row
        if not splits:
            raise BadInput(f"{path}: no row of {source} can be used; the first says: {dropped[0].reason if dropped else 'there is none'}")

    write_records(out, kept())  # one at a time: some sets have millions
    write_records(aside, dropped)
    return {
        "file": str(out),
        "source": source,
        "licence": ", ".join(sorted(licences)),
        "records": splits.total(),
        "rooms": len(rooms),
        "splits": dict(sorted(splits.items())),
        "dropped": len(dropped),
        "reasons": dict(Counter(row.reason for row in dropped).most_common(SHOWN)),
        "dropped_file": str(aside),
    }


def with_media(rows: Iterable[Record | Dropped], folder: Path) -> Iterator[Record | Dropped]:
    """The same rows, without those whose clip is missing."""
    for row in rows:
        missing = next((path for path in row.media if not (folder / path).exists()), None) if isinstance(row, Record) else None
        yield row if missing is None else Dropped(row.source, row.question_id, "its clip or picture is not in the folder of --media")


def check_records(files: Iterable[Path], against: Iterable[Path] = ()) -> dict:
    """Counts, ids that come twice, places that two splits share, and training records that show a place of an evaluation set.

    Raises:
        BadInput: a line is no record, or a file of evaluation scenes names none.
    """
    records = [record for file in files for record in read_records(Path(file))]
    twice = [i for i, times in Counter(record.question_id for record in records).items() if times > 1]
    shared, leaked = list(shared_places(records)), leaks(records, places := evaluation_places(against))
    return {
        "records": len(records),
        "rooms": len({record.room_id for record in records}),
        "splits": dict(sorted(Counter(record.split for record in records).items())),
        "sources": dict(sorted(Counter(record.source for record in records).items())),
        "evaluation_places": len(places),
        "repeated_ids": len(twice),
        "shared_places": len(shared),
        "leaked_records": len(leaked),
        "leaked_places": len({place for _, place in leaked}),
        "trouble": [
            *(f"id twice: {i}" for i in twice[:SHOWN]),
            *(f"place in two splits: {place}, {split} and {other}" for place, split, other in shared[:SHOWN]),
            *(f"leak: {record.question_id} shows {place}, listed in {places[place]}" for record, place in leaked[:SHOWN]),
        ],
    }
