"""Read what models said, whatever shape the file has, and count what is wrong with it; nothing in it is ever run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.evaluation.scoring import Predictions
from proxy3d.spacespan.sources.rows import Unusable, decoded, kind, lines, question_files, refuse

SHOWN = 3  # of each kind of trouble
TWICE = "id given twice; the first one counts"
MISSING = "no prediction"
UNKNOWN = "id of no example"
Said = tuple[str, str | None, object]  # where it stands, whose it is, what it says; an Unusable in place of what cannot be read


def one_file(path: Path, *patterns: str) -> Path:
    """The annotation file itself, or the only one of a folder that is called right.

    Raises:
        BadInput: none, or several, which hold different splits.
    """
    found = question_files(Path(path), patterns)
    if len(found) > 1:
        raise BadInput(f"{path}: {len(found)} files are called {' or '.join(patterns)}; name one of them: {', '.join(f.name for f in found[:5])}")
    return found[0]


def read_predictions(
    file: Path,
    known: Collection[str],
    take: Callable[[object], object],
    *,
    ids: Sequence[str] = ("question_id", "id"),
    make_id: Callable[[object, object], object] = lambda key, row: key,
    rows: Iterable[Said] | None = None,
) -> Predictions:
    """A file of {id: value}, a list of rows or JSON Lines, as {id: what `take` makes of the value or row}.

    `take` raises Unusable for what it cannot use. With no `known` ids every id is taken, which is enough to write a file in another format.
    `make_id` makes the id of a row from the first of `ids` it has, and the row; `rows` are given where the file was read already.

    Raises:
        BadInput: the file cannot be read at all, holds nothing, or not a single id that is known.
    """
    found: dict[str, object] = {}
    troubles: Counter[str] = Counter()
    named: list[str] = []
    seen: set[str] = set()
    example = strange = None

    def trouble(what: str, where: str) -> None:
        troubles[what] += 1
        if troubles[what] <= SHOWN:
            named.append(ascii(f"{where}: {what}")[1:-1][:160])

    for where, own_id, value in rows if rows is not None else said(Path(file), ids, make_id):
        example = example or own_id
        if own_id is None:
            trouble(str(value) if isinstance(value, Unusable) else f"row without {ids[0]}", where)
        elif known and own_id not in known:
            strange = strange or own_id
            trouble(UNKNOWN, where)
        elif own_id in seen:
            trouble(TWICE, where)
        else:
            seen.add(own_id)
            try:
                found[own_id] = take(value)
            except Unusable as error:
                trouble(" ".join(str(error).split()), where)
    if example is None and not troubles:
        raise BadInput(f"{file}: no predictions in it; expected {{id: answer}} or a list of rows with {ids[0]}")
    if known and not seen and strange:
        raise BadInput(f"{file}: no id is one of the annotations', for example {strange[:40]!a}; expected ids like {next(iter(known))[:40]!a}")
    for own_id in known:
        if own_id not in seen:
            trouble(MISSING, own_id)
    return Predictions(found, troubles, tuple(named))


def said(file: Path, ids: Sequence[str], make_id: Callable[[object, object], object] = lambda key, row: key) -> Iterator[Said]:
    """Every prediction of a file with where it stands; of a key that an object holds twice, both."""
    if not file.is_file():
        raise BadInput(f"{file}: no such file; expected a JSON or JSON Lines file of predictions")
    refuse(file)
    if file.suffix not in (".json", ".jsonl"):
        raise BadInput(f"{file}: expected predictions as .json or .jsonl")
    if file.suffix == ".jsonl":
        yield from (_row(where, row, ids, make_id) for where, row in lines(file))
        return
    content = _pairs(file)
    if isinstance(content, Object):
        yield from ((f"{file.name}, key {key[:60]}", str(make_id(key, value)), value) for key, value in content.pairs)
    elif isinstance(content, list):
        yield from (_row(f"{file.name}, row {number}", row, ids, make_id) for number, row in enumerate(content, 1))
    else:
        raise BadInput(f"{file}: expected {{id: answer}} or a list of rows, got {kind(content)}")


def _row(where: str, row: object, ids: Sequence[str], make: Callable[[object, object], object]) -> Said:
    if isinstance(row, Unusable):
        return where, None, row
    if not isinstance(row, dict):
        return where, None, Unusable(f"expected an object, got {kind(row)}")
    own_id = make(next((row[key] for key in ids if row.get(key) is not None), None), row)
    if isinstance(own_id, bool) or not isinstance(own_id, str | int):
        return where, None, row if own_id is None else Unusable(f"{ids[0]}: expected text or a whole number, got {kind(own_id)}")
    return where, str(own_id), row


class Object(dict):
    """A JSON object that still knows the keys it was given twice."""

    def __init__(self, pairs: list[tuple[str, object]]):
        super().__init__(pairs)
        self.pairs = pairs


def _pairs(file: Path) -> object:
    try:
        return json.loads(decoded(file), object_pairs_hook=Object)
    except json.JSONDecodeError as error:
        raise BadInput(f"{file}: not JSON at line {error.lineno}: {error.msg}; rename it to .jsonl if it has one value per line") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file}: not JSON: {error}") from None
