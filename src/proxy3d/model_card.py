"""The model card of a set of weights, written from the run card that training left in them."""

from __future__ import annotations

import re

from proxy3d.errors import BadInput

UNKNOWN = "unknown"
LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]*")  # as the hub writes them


def model_card(name: str, facts: dict, digest: str, *, preset: dict | None, licence: str, parts: dict[str, str]) -> str:
    """README.md for a folder of weights; `parts` are what is needed besides, each with its licence.

    Raises:
        BadInput: a licence that no card can state.
    """
    if not LICENCE.fullmatch(licence):
        raise BadInput(f"--licence {licence}: expected an identifier as the Hugging Face hub writes it, for example apache-2.0, or {UNKNOWN}")
    reads = facts.get("reader") is not None
    lines = [
        f"---\nlicense: {licence}\nlibrary_name: proxy3d\ntags: [proxy3d, 3d, spatial-reasoning, rgb-d]\n---\n",
        f"# {told(name)}\n",
        "Learned parts of proxy3d, which turns a short clip with depth into a few proxies, "
        + ("and answers questions about the place from them.\n" if reads else "without a reader: these encode, they do not answer.\n"),
        "```python\nfrom proxy3d import Pipeline\n\n"
        'pipeline = Pipeline.from_pretrained("OWNER/NAME")  # or this folder\nscene = pipeline.encode("my_room")\n```\n',
        f"The file has the sha256 `{digest}`. It is safetensors, and nothing in this folder is a pickle.\n",
        "## How it was made\n",
        *made(facts.get("run")),
        "## Licences\n",
        f"These weights: {licence}." + (" Nobody has said under which terms they may be used." if licence == UNKNOWN else ""),
        "Not in this folder, and under terms of their own:\n" if parts else "",
        *(f"- {told(what)}: {terms}" for what, terms in parts.items()),
        "\n## Limits\n",
        *limits(facts, preset),
    ]
    return "\n".join(lines) + "\n"


def made(run: object) -> list[str]:
    """Recipe, seed, data and commit as a table."""
    if not isinstance(run, dict):
        return ["No run card came with these weights: how they were made is not known.\n"]
    data = run.get("data") if isinstance(run.get("data"), dict) else {}
    minutes = run.get("train_minutes")
    rows = {
        "recipe": run.get("recipe"),
        "seed": run.get("seed"),
        "data, sha256": data.get("sha256"),
        "data, seed": data.get("seed"),
        "minutes of training": round(minutes, 1) if isinstance(minutes, int | float) else None,
        "commit": run.get("commit"),
    }
    rows |= {f"rooms, questions: {told(k)}": f"{v.get('rooms')}, {v.get('questions')}" for k, v in tables(data.get("splits"))}
    rows |= {f"stage {told(k)}, steps": v.get("step") for k, v in tables(run.get("stages"))}
    table = [f"| {key} | {told(value)} |" for key, value in rows.items() if value is not None]
    return ["| | |\n|---|---|", *table, "\nAll settings are in the header of the safetensors file, under `run`.\n"]


def tables(found: object) -> list[tuple[str, dict]]:
    """The named tables in something that should hold some."""
    return [(k, v) for k, v in found.items() if isinstance(v, dict)] if isinstance(found, dict) else []


def limits(facts: dict, preset: dict | None) -> list[str]:
    """What these weights cannot do, as far as they themselves say it."""
    reader = facts.get("reader")
    found = [
        "- Trained on rendered rooms, unless the table above says otherwise; on photographs expect less.",
        "- No score is stated here. Measure on what you care about: `proxy3d evaluate --help`; chance and a blind reader stand beside every score.",
        "- Without a known scale no answer is in metres.",
    ]
    if isinstance(reader, dict):
        kinds, colours = len(reader.get("categories", ())), len(reader.get("colours", ()))
        found.append(f"- It names {kinds} kinds of things in {colours} colours, in English; anything else it takes for one of these.")
    if preset is not None:
        found.append(f"- It goes with features of `{told(preset['semantic'])}`, {preset['frames']} frames and {preset['proxies']} proxies.")
    return [*found, "- Not for anything where a wrong answer can hurt somebody."]


def told(value: object) -> str:
    """Somebody else's words on one line, without anything that a page would act on."""
    return re.sub(r"[^\w\s.,:+/()@-]", "", " ".join(str(value).split()))[:160]
