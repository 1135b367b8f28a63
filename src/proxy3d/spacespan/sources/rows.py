"""Question files as rows, and rows as records: one loop for every source, in which a row that cannot be used says why."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.spacespan.record import Dropped, Record
from proxy3d.values import Box

READABLE = (".json", ".jsonl", ".csv", ".tsv")
RUNS_CODE = (".pkl", ".pickle", ".pt", ".pth", ".npy")
LARGEST = 1e6  # metres, and anything else that a row counts; NaN and infinity are no smaller
Item = tuple[str, object]  # where it was found, and what; an Unusable in place of what cannot be read


class Unusable(ValueError):
    """Why a row becomes no record."""


@dataclass(frozen=True)
class Row:
    """One row of a question file; every way of taking a value out of it refuses what is not there or of another kind."""

    item: dict
    number: int
    file: Path
    label: str  # what the file is called in ids
    split: str
    source: str
    licence: str

    @property
    def position(self) -> str:
        """An id for rows whose own ids are missing or repeat."""
        return f"{self.label}-{self.number}"

    def has(self, key: str) -> bool:
        return self.item.get(key) is not None

    def take(self, key: str, kind: type | tuple[type, ...], expected: str) -> object:
        """The value of a key, of one of some kinds; a truth value is no number."""
        if not self.has(key):
            raise Unusable(f"no {key}")
        value = self.item[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Unusable(f"{key}: expected {expected}, got {type(value).__name__}")
        return value

    def text(self, key: str) -> str:
        return worded(key, self.take(key, str, "text"))

    def name(self, key: str) -> str:
        """An id, which some files write as a number and some as text."""
        return worded(key, str(self.take(key, (str, int), "text or a whole number")))

    def texts(self, key: str) -> tuple[str, ...]:
        """Several texts; one alone may stand for a list of one."""
        value = self.take(key, (list, str), "a list of texts")
        return tuple(worded(key, text) for text in (value if isinstance(value, list) else [value]))

    def ids(self, key: str) -> tuple[int, ...]:
        """Object ids, one or a list of them, as numbers or as digits."""
        value = self.take(key, (list, str, int), "object ids")
        return tuple(whole(key, v) for v in (value if isinstance(value, list) else [value]))

    def id(self, key: str) -> int:
        return whole(key, self.take(key, (str, int), "an object id"))

    def inner(self, key: str) -> Row:
        """A row inside a row; an empty one where there is none."""
        return replace(self, item=self.take(key, dict, "an object") if self.has(key) else {})

    def record(self, own_id: str, **fields: object) -> Record:
        """A record of this source; ids get the source in front, so that sources can be mixed."""
        fields = {"split": self.split, "subject": "", **fields}
        return Record(question_id=f"{self.source}/{own_id}", source=self.source, licence=self.licence, **fields)


def imported(
    path: Path,
    *patterns: str,
    source: str,
    licence: str,
    ask: Callable[[Row], Iterable[Record]],
    items: Callable[[Path], Iterator[Item]] | None = None,
    besides: str = "",
) -> Iterator[Record | Dropped]:
    """Every row of every file as the records that `ask` makes of it, or as what it was dropped for.

    `items` reads a file whose rows are not simply listed; files called like `besides` are left alone.
    """
    seen: set[str] = set()
    for file, label, split in labelled(Path(path), question_files(Path(path), patterns, besides)):
        for number, (where, item) in enumerate((items or listed)(file), 1):
            try:
                if isinstance(item, Unusable):
                    raise item
                if not isinstance(item, dict):
                    raise Unusable(f"expected an object, got {type(item).__name__}")
                made = list(ask(Row(item, number, file, label, split, source, licence)))
            except ValueError as error:
                yield Dropped(source, where, " ".join(str(error).split())[:300] or "no reason given")
                continue
            for record in made:
                if record.question_id in seen:
                    yield Dropped(source, where, f"question_id {record.question_id} came before")
                else:
                    seen.add(record.question_id)
                    yield record


def question_files(path: Path, patterns: tuple[str, ...], besides: str = "") -> list[Path]:
    """The file itself, or those of a folder and the folders in it that are called right, in order of their names.

    Raises:
        BadInput: there is none, or one of a kind that we do not open.
    """
    if path.is_file():
        refuse(path)
        return [path]
    if not path.is_dir():
        raise BadInput(f"{path}: no such file or folder; expected {' or '.join(patterns)}")
    found = sorted({f for p in patterns for f in path.rglob(p) if f.is_file() and f.suffix in READABLE and not (besides and f.match(besides))})
    if not found:
        for other in sorted(path.rglob("*.pkl")):
            refuse(other)
        raise BadInput(f"{path}: no question file in this folder; expected {' or '.join(patterns)}")
    return found


def labelled(path: Path, files: list[Path]) -> Iterator[tuple[Path, str, str]]:
    """Each file with what it is called in ids and the split that its name says, or else the folders it lies in."""
    stems = Counter(file.stem for file in files)
    for file in files:
        way = file.relative_to(path) if path.is_dir() else Path(file.name)
        said = (split_of(part) for part in reversed(way.parts))
        yield file, file.stem if stems[file.stem] == 1 else way.as_posix(), next((split for split in said if split != "all"), "all")


def refuse(file: Path) -> None:
    """Say what to give instead of a file that would run code when it is opened, or that nobody here reads."""
    if file.suffix in RUNS_CODE:
        raise BadInput(f"{file}: opening a pickle runs whatever is in it; expected the JSON file of the same questions")
    if file.suffix not in READABLE:
        raise BadInput(f"{file}: expected one of {', '.join(READABLE)}; save the rows as JSON Lines, one object per line, in UTF-8")


def listed(file: Path) -> Iterator[Item]:
    """The rows of a JSON list, of JSON Lines, or of a table with a header."""
    if file.suffix == ".json":
        rows = load(file)
        if not isinstance(rows, list):
            raise BadInput(f"{file}: expected a list of rows, got {kind(rows)}")
        yield from ((f"{file.name}, row {number}", row) for number, row in enumerate(rows, 1))
    elif file.suffix == ".jsonl":
        yield from lines(file)
    else:
        yield from table(file)


def lines(file: Path) -> Iterator[Item]:
    """One object per line; a broken line is one row lost, a file without any object is no JSON Lines."""
    usable = False
    for number, line in enumerate(decoded(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            usable = usable or isinstance(item, dict)
        except (ValueError, RecursionError):
            item = Unusable("not JSON; was the file cut off?")
        yield f"{file.name}, line {number}", item
    if not usable:
        raise BadInput(f"{file}: expected JSON Lines, one object per line, and no line is one")


def table(file: Path) -> Iterator[Item]:
    """Rows of a CSV or TSV file by the names in its header."""
    # Not splitlines(): U+2028 inside a cell ends no row.
    reader = csv.DictReader(io.StringIO(decoded(file), newline=""), delimiter="\t" if file.suffix == ".tsv" else ",", strict=True)
    try:
        if not reader.fieldnames or len(reader.fieldnames) < 2:
            raise BadInput(f"{file}: expected a header with the names of the columns")
        empty = True
        for row in reader:
            empty = False
            cut = None in row or None in row.values()
            yield f"{file.name}, line {reader.line_num}", Unusable("not as many cells as the header has names") if cut else row
        if empty:
            raise BadInput(f"{file}: expected rows below the header, got none")
    except csv.Error as error:
        raise BadInput(f"{file}, line {reader.line_num}: not a table: {error}") from None


def load(file: Path) -> object:
    """What a JSON file holds.

    Raises:
        BadInput: not UTF-8, not JSON, or cut off.
    """
    text = decoded(file)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        several = error.msg == "Extra data"
        hint = "several JSON values: rename the file to .jsonl if it has one per line" if several else "was it cut off? Fetch it again"
        raise BadInput(f"{file}: not JSON at line {error.lineno}: {error.msg}; {hint}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file}: not JSON: {error}") from None


def decoded(file: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{file}: expected UTF-8, but byte {error.start} is not; save the file as UTF-8") from None
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror}") from None


def kind(value: object) -> str:
    """What people call a JSON value."""
    return {dict: "an object", list: "a list", str: "text", type(None): "null"}.get(type(value), "a number")


def split_of(name: str) -> str:
    """The split that a file name says: train, val or test; all where it says none."""
    found = re.findall(r"(?<![a-z])(train|val|validation|test)(?![a-z])", name.lower())
    return {"validation": "val"}.get(found[0], found[0]) if found else "all"


def worded(key: str, text: object) -> str:
    """Text without outer blanks, which may not be empty."""
    if not isinstance(text, str):
        raise Unusable(f"{key}: expected text, got {type(text).__name__}")
    if not text.strip():
        raise Unusable(f"{key} is empty")
    return text.strip()


def whole(key: str, value: object) -> int:
    """A whole number, or its digits."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Unusable(f"{key}: expected whole numbers, got {str(value)[:40]!r}")


def numbers(key: str, value: object, *counts: int) -> tuple[float, ...]:
    """So many finite numbers."""
    wanted = " or ".join(str(c) for c in counts)
    if not isinstance(value, list) or len(value) not in counts:
        got = f"{len(value)} values" if isinstance(value, list) else type(value).__name__
        raise Unusable(f"{key}: expected {wanted} numbers, got {got}")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < LARGEST for v in value):
        raise Unusable(f"{key}: expected {wanted} finite numbers")
    return tuple(float(v) for v in value)


def box_of(key: str, value: object) -> Box:
    """A box from centre and full size, with three angles or without.

    Ours stand on the floor, so a tilted one is refused rather than set upright in silence.
    """
    cx, cy, cz, sx, sy, sz, *angles = numbers(key, value, 6, 9)
    if any(abs(angle) > 1e-3 for angle in angles[1:]):
        raise Unusable(f"{key}: a tilted box; only boxes that stand on the floor are read")
    return Box((cx, cy, cz), (sx, sy, sz), angles[0] if angles else 0.0)


def box_of_corners(key: str, value: object) -> Box:
    """The upright box around 8 corners."""
    if not isinstance(value, list) or len(value) != 8:
        raise Unusable(f"{key}: expected 8 corners")
    axes = list(zip(*(numbers(key, corner, 3) for corner in value), strict=True))
    return Box(tuple((min(a) + max(a)) / 2 for a in axes), tuple(max(a) - min(a) for a in axes))


def worded_answer(answers: tuple[str, ...], answer_type: str = "text") -> dict:
    """Fields of a record whose answers are words, the first being the one to learn; hidden where there are none.

    An answer that two people gave stays there twice: scores that average over references count it twice.
    """
    if not answers:
        return {"answer": "", "answer_type": "hidden"}
    return {"answer": answers[0], "answers": answers, "answer_type": answer_type}


def found_answer(targets: tuple[int, ...], boxes: tuple[Box, ...] = ()) -> dict:
    """Fields of a record that asks for objects; those that the source only names have no boxes here."""
    return {"answer": str(len(targets or boxes)), "answer_type": "boxes" if boxes else "objects", "targets": targets, "boxes": boxes}


def chosen_answer(options: tuple[str, ...], letter: str) -> dict:
    """Fields of a record that offers lettered options; the letter is accepted beside the words it stands for."""
    bare = [re.sub(rf"^\(?{'ABCDEFGHIJ'[i]}[.):]\s*", "", option).strip() for i, option in enumerate(options[:10])]
    # Letters go only where all options have theirs: "A.C. unit" keeps its own.
    lettered = len(bare) == len(options) and all(b and b != option for b, option in zip(bare, options, strict=True))
    choices = tuple(bare) if lettered else options
    index = ord(letter) - ord("A") if len(letter) == 1 else -1
    if not 0 <= index < len(choices):
        raise Unusable(f"the answer {letter[:40]!r} is none of the {len(choices)} options")
    if len(set(choices)) < len(choices):
        raise Unusable("two options say the same")
    answers = tuple(dict.fromkeys((choices[index], letter)))
    return {"answer": choices[index], "answers": answers, "answer_type": "choice", "choices": choices, "chance": 1 / len(choices)}
