"""What conversation files have in common: turns, clips, and answers that are letters, numbers, yes or no, or words."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import PurePosixPath

from proxy3d.spacespan.places import room_of
from proxy3d.spacespan.sources.rows import Row, Unusable, chosen_answer, worded_answer

ASKS, ANSWERS = ("human", "user"), ("gpt", "assistant")
PLACEHOLDER = re.compile(r"<(?:image|video|point_cloud|pointcloud|scene)>")
OPTION = re.compile(r"^\s*\(?([A-J])[.):]\s+(\S.*)$", re.MULTILINE)
FILMS = ("video", "videos", "image", "images", "point_cloud", "point_clouds", "path")


def turns(row: Row) -> list[tuple[str, str]]:
    """(question, answer) of each turn, without the marks where pictures go; system turns are passed over."""
    key = next((k for k in ("conversations", "conversation", "messages") if row.has(k)), None)
    if key is None:
        return [(row.text("prompt"), row.text("answer") if row.has("answer") else "")] if row.has("prompt") else _missing()
    said: list[tuple[str, str]] = []
    for turn in row.take(key, list, "a list of turns"):
        if not isinstance(turn, dict):
            raise Unusable(f"{key}: expected turns with from and value")
        who = turn.get("from", turn.get("role"))
        text = next((turn[k] for k in ("value", "content", "text") if k in turn), None)
        if not isinstance(text, str) or who not in (*ASKS, *ANSWERS, "system"):
            raise Unusable(f"{key}: expected turns of human and gpt with text")
        if who != "system":
            said.append(("ask" if who in ASKS else "answer", PLACEHOLDER.sub("", text).strip()))
    if not said or len(said) % 2 or [who for who, _ in said] != ["ask", "answer"] * (len(said) // 2):
        raise Unusable(f"{key}: expected a question and its answer, in turns")
    return [(ask, answer) for (_, ask), (_, answer) in zip(said[::2], said[1::2], strict=True)]


def _missing() -> list:
    raise Unusable("no conversations")


def films(row: Row) -> tuple[str, ...]:
    """The clip or pictures that a row names, as relative paths; none where it names none."""
    paths = [path for key in FILMS if row.has(key) for path in row.texts(key)]
    return tuple(str(PurePosixPath(path)).lstrip("/") for path in paths)


def room(row: Row, media: tuple[str, ...]) -> str:
    """The room that a row names, or that its clip does."""
    for key in ("scene_name", "scene_id"):
        if row.has(key):
            return room_of(row.name(key))
    if not media:
        raise Unusable("no video, image or scene: which room is it about?")
    return room_of(media[0])


def spoken_answer(question: str, answer: str) -> dict:
    """Fields of a record for an answer in words: an option, a number, yes or no, else text as it is."""
    letter = re.match(r"^\(?([A-J])\)?(?:[.):](?:\s|$)|$)", answer)
    if letter and (options := offered(question)):
        return chosen_answer(options, letter[1])
    bare = answer.rstrip(".").strip()
    if re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", bare):
        return {"answer": bare, "answer_type": "number"}
    if bare.lower() in ("yes", "no"):
        return {"answer": bare.lower(), "answer_type": "yes_no", "chance": 0.5}
    if not answer:
        raise Unusable("the answer is empty")
    return worded_answer((answer,))


def offered(question: str) -> tuple[str, ...]:
    """Options that a question lists on lines of their own, from A on."""
    found = OPTION.findall(question)
    in_order = takewhile(lambda pair: pair[1][0] == "ABCDEFGHIJ"[pair[0]], enumerate(found[:10]))
    return tuple(text.strip() for _, (_, text) in in_order)
