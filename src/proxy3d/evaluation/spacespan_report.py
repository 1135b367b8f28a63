"""What a data set of rooms is worth, in figures: cost, geometry, and what each family of questions gives away without the room."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from proxy3d.answers.batch import answer_many
from proxy3d.errors import BadInput
from proxy3d.evaluation.metrics.answers import VARIANT, right
from proxy3d.evaluation.run import write_result
from proxy3d.spacespan.checks import SPLITS, about, check_rooms, load_rooms
from proxy3d.spacespan.facts import Facts
from proxy3d.spacespan.oracle import agrees, query_agrees
from proxy3d.spacespan.questions import Query, blind_report, read_queries
from proxy3d.spacespan.record import Record, make_room, read_records
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.rooms.shards import read_shards
from proxy3d.training.recipes import data_hash, machine, no_scene
from proxy3d.weights import Weights, load_weights

NOBODY = {"n": 0, "chance": None, "majority": None, "majority_given_subject": None}
PROXIES, TOGETHER = 32, 48  # how much nothing a blind reader is shown, and questions asked at a time
COLUMNS = ("n", "n_all", "chance", "majority", "prior", "blind", "oracle")


def report(folder: Path, out: Path, *, blind: str | None = None, sample: int = 100, force: bool = False) -> dict:
    """The answer of the `data report` verb, written to `out`: a summary with families, all checks, and where the figures come from.

    Families are scored on the test split, with what the training split teaches; the oracle answers the questions of all splits. `blind` names
    weights of a reader that was trained on questions without any scene (`proxy3d train words --blind`).

    Raises:
        BadInput: no data set, no questions to train or test on, weights that cannot answer, or `out` exists.
    """
    folder, out = Path(folder), Path(out)
    unseeing = load_weights(blind) if blind else None
    records = {split: read_records(folder / f"{split}.jsonl") for split in SPLITS if (folder / f"{split}.jsonl").is_file()}
    for split in ("train", "test"):
        if not records.get(split):
            raise BadInput(f"{folder}: no questions in {split}.jsonl; make some rooms with `proxy3d data make -o {folder}`, a few of each split")
    rooms, queries = load_rooms(folder), {split: read_queries(folder / f"{split}.queries.jsonl") for split in SPLITS}
    make_room(out, force=force)
    guessed = blind_shares(unseeing, records["test"]) if unseeing else {}
    checks = check_rooms(folder, sample=sample)
    summary = {
        **cost(folder),
        "bytes_per_room": bytes_per_room(folder),
        "depth_consistency_m_median": checks["depth_consistency_m_median"],
        "points_in_box_min": checks["points_in_box_min"],
        "families": families(records, rooms, guessed) + retrieval(queries, rooms),
    }
    result = {
        "benchmark": "spacespan data",
        "variant": VARIANT,
        "summary": summary,
        "checks": checks,
        "run": {"blind": origin(unseeing), "sample": sample, "data": data_hash(folder), **machine()},
        "seeds": {"rooms": about(folder).get("seed"), "questions": about(folder).get("seed")},
    }
    write_result(out, result)
    return result


def cost(folder: Path) -> dict:
    """Rooms per minute by the processor time of their workers, and by the clock on which they may have had to wait; None where nobody timed them."""
    timed = [room for split in SPLITS for room in read_shards(Path(folder) / split) if room.seconds is not None]
    spent = {"rooms_per_minute_per_core": sum(r.cpu_seconds for r in timed), "rooms_per_minute_per_worker_by_clock": sum(r.seconds for r in timed)}
    return {"timed_rooms": len(timed), **{name: 60 * len(timed) / seconds if seconds else None for name, seconds in spent.items()}}


def bytes_per_room(folder: Path) -> float:
    """Mean size of a room's files, without what a file system rounds up."""
    rooms = [room for split in SPLITS for room in (Path(folder) / split).glob(f"{split}-*") if room.is_dir()]
    return sum(file.stat().st_size for room in rooms for file in room.rglob("*") if file.is_file()) / max(len(rooms), 1)


def families(
    records: Mapping[str, Sequence[Record]], rooms: Mapping[str, Mapping[str, Room]], blind: Mapping[str, float | None]
) -> list[dict[str, str | int | float | None]]:
    """One row per family: questions in the test split and in all, and how often each kind of guessing is right; None where it cannot be."""
    baselines = blind_report(records["train"], records["test"])
    solved = oracle(records, rooms)
    every, boxed = defaultdict(int), set()
    for asked in records.values():
        for record in asked:
            every[record.family] += 1
            boxed |= {record.family} if record.answer_type in ("boxes", "objects") else set()
    rows = []
    for family in sorted(every):
        base = baselines.get(family, NOBODY)
        # Of a phrase to ground, words alone give at best how many boxes there are, and that is not an answer.
        guess = NOBODY if family in boxed else base
        rows.append(
            {
                "name": family,
                "n": base["n"],
                "n_all": every[family],
                "chance": base["chance"],
                "majority": guess["majority"],
                "prior": guess["majority_given_subject"],
                "prior_number_of_boxes": base["majority_given_subject"] if family in boxed else None,
                "blind": blind.get(family),
                "oracle": solved[family],
            }
        )
    return rows


def retrieval(queries: Mapping[str, Sequence[Query]], rooms: Mapping[str, Mapping[str, Room]]) -> list[dict[str, str | int | float | None]]:
    """The row of queries over clips, none where there are none: chance is how often a random room of the test split is one that is looked for."""
    asked = {split: found for split, found in queries.items() if found}
    if not asked:
        return []
    right = []
    for split, found in asked.items():
        facts = {name: Facts(room) for name, room in rooms[split].items()}
        lexicon = tuple(sorted({thing.category for room in rooms[split].values() for thing in room.objects}))
        right += [query_agrees(query, facts, lexicon) for query in found]
    test = asked.get("test", [])
    chance = sum(len(query.rooms) for query in test) / len(test) / len(rooms["test"]) if test else None
    silent = dict.fromkeys(("majority", "prior", "prior_number_of_boxes", "blind"))
    return [{"name": "retrieval", "n": len(test), "n_all": len(right), "chance": chance, **silent, "oracle": sum(right) / len(right)}]


def oracle(records: Mapping[str, Sequence[Record]], rooms: Mapping[str, Mapping[str, Room]]) -> dict[str, float | None]:
    """Share of each family's records on which the independent reading agrees (see spacespan.oracle); None where it agrees on none or says nothing.

    A family with no answer that geometry gives, such as free text, is None; in all others a question that is not understood counts against it.
    """
    agreed: dict[str, list[bool | None]] = defaultdict(list)
    for split, asked in records.items():
        lexicon = tuple(sorted({thing.category for room in rooms[split].values() for thing in room.objects}))
        for record in asked:
            agreed[record.family].append(agrees(record, rooms[split].get(record.room_id), lexicon))
    return {
        family: None if all(verdict is None for verdict in verdicts) else sum(verdict is True for verdict in verdicts) / len(verdicts)
        for family, verdicts in agreed.items()
    }


def blind_shares(weights: Weights, records: Sequence[Record]) -> dict[str, float]:
    """Family -> how often a reader that sees no scene is right; families it was not taught, and boxes, are left out."""
    reader, taught = weights.reader, weights.facts.get("run", {}).get("settings", {}).get("families")
    asked = [r for r in records if r.answer_type not in ("boxes", "caption") and (taught is None or r.family in taught)]
    asked.sort(key=lambda r: (len(r.question), r.question_id))  # of like length: less padding
    right_or_not = defaultdict(list)
    for start in range(0, len(asked), TOGETHER):
        some = asked[start : start + TOGETHER]
        said = answer_many(reader, no_scene(PROXIES, reader.settings.proxy_dim), [r.question for r in some]).text
        for record, text in zip(some, said, strict=True):
            right_or_not[record.family].append(right(text, record.answer, record.answer_type))
    return {family: sum(verdicts) / len(verdicts) for family, verdicts in right_or_not.items()}


def origin(weights: Weights | None) -> dict | None:
    """Where weights come from, for a result."""
    card = weights.facts.get("run", {}) if weights else {}
    return {"weights": weights.hash, **{k: card.get(k) for k in ("recipe", "seed", "commit", "train_minutes")}} if weights else None


def family_lines(rows: Sequence[Mapping]) -> list[str]:
    """A table for a terminal: counts, and shares in per cent."""
    lines = [f"{'family':20}" + "".join(f"{name:>9}" for name in COLUMNS)]
    for row in rows:
        lines.append(f"{row['name']:20}" + "".join(f"{_cell(name, row[name]):>9}" for name in COLUMNS))
    return lines


def _cell(name: str, value: float | None) -> str:
    return "-" if value is None else f"{value}" if name in ("n", "n_all") else f"{value * 100:.1f}"
