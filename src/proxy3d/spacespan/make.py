"""Make a whole data set: furniture, rooms, questions, and one file that says what it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from proxy3d.spacespan.questions import Vocabulary, ask_about, ask_across, ask_queries, balance
from proxy3d.spacespan.record import write_records
from proxy3d.spacespan.room import Room

if TYPE_CHECKING:
    from proxy3d.spacespan.rooms.photo import Corruption

PER_FAMILY = 2


def room_folders(folder: Path) -> list[Path]:
    """The folders of one split's rooms, in order of their index."""
    return sorted(p for p in Path(folder).iterdir() if p.is_dir() and not p.name.startswith("."))


def make_dataset(
    out: Path,
    counts: dict[str, int],
    *,
    seed: int = 0,
    bank: Path | None = None,
    workers: int = 2,
    per_family: int = PER_FAMILY,
    corruption: Corruption | None = None,
    engine: str = "processes",
) -> dict:
    """Rooms in `out/<split>/`, questions in `out/<split>.jsonl`, queries in `out/<split>.queries.jsonl`, and `out/spacespan.json` last.

    A bank folder that does not exist yet is built there first, from two Debian packages. Resumable and deterministic: spacespan.json has counts
    and hashes, covers every byte of rooms, questions and queries, and is the same after a stop, a second run, or with another number of workers.
    What the making cost is kept apart from it, in the shard files of each split.

    Raises:
        BadInput: the bank cannot be built, rendering cannot start, or the folder holds other rooms.
    """
    from proxy3d.spacespan.rooms.bank import build_bank
    from proxy3d.spacespan.rooms.make import make_rooms
    from proxy3d.spacespan.rooms.photo import CLEAN
    from proxy3d.spacespan.rooms.shards import write_json

    if bank is not None and not (Path(bank) / "index.json").is_file():
        build_bank(Path(bank))
    out, facts, made = Path(out), {}, {}
    for split, count in counts.items():
        made = make_rooms(out / split, split, count, seed=seed, bank_dir=bank, workers=workers, corruption=corruption or CLEAN, engine=engine)
        questions = write_questions(out, split, count, seed=seed, per_family=per_family)
        facts[split] = {**questions, "rooms_sha256": made["files_sha256"]}
    about = {key: made[key] for key in ("version", "bank", "corruption") if key in made}
    whole = hashlib.sha256(json.dumps([seed, about, facts], sort_keys=True).encode()).hexdigest()
    write_json(out / "spacespan.json", {**about, "seed": seed, "sha256": whole, "splits": facts})
    rooms, questions = sum(counts.values()), sum(f["questions"] for f in facts.values())
    return {"folder": str(out), "rooms": rooms, "questions": questions, "sha256": whole, "splits": facts}


def write_questions(out: Path, split: str, count: int, *, seed: int, per_family: int) -> dict:
    """Balanced questions about the first `count` rooms of a split, and queries over all of them; returns their numbers and hashes."""
    rooms = [Room.load(folder) for folder in room_folders(out / split)[:count]]
    vocabulary = Vocabulary.of(rooms, 3 if count >= 50 else 1)
    records = [r for room in rooms for r in ask_about(room, rng_seed=seed, per_family=per_family, vocabulary=vocabulary)]
    # Twins are even as they are; balanced with the others, one could go without the other.
    records = balance(records, seed) + ask_across(rooms, rng_seed=seed, per_family=per_family, vocabulary=vocabulary)
    queries = ask_queries(rooms, rng_seed=seed, vocabulary=vocabulary)
    write_records(out / f"{split}.jsonl", records)
    write_records(out / f"{split}.queries.jsonl", queries)
    digest, of_queries = (hashlib.sha256((out / name).read_bytes()).hexdigest() for name in (f"{split}.jsonl", f"{split}.queries.jsonl"))
    return {"rooms": len(rooms), "questions": len(records), "sha256": digest, "queries": len(queries), "queries_sha256": of_queries}
