"""Named settings, written as Python so that they can be read, diffed and type-checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.hub import is_hub_name


@dataclass(frozen=True)
class Preset:
    """How a capture becomes a scene, and who reads it. The letters are of ORIGINS below; defaults are the laptop's."""

    frames: int = 8  # [B] 4 to 8
    proxies: int = 32  # [B]; with `adaptive` the most there may be
    adaptive: bool = False  # [B, future work] as many proxies as the clip needs
    patches: int | None = None  # of a frame; None = about 196, 12 x 16 of a 4:3 picture, what the shipped weights were trained on [I]
    semantic: str = "efficientnet_lite0"  # [I] stands in for the brief's CLIP: weights that a package carries
    geometric: str | None = None  # None = sensor_depth where the capture has depth and cameras [I], else embedded, from pictures alone [I]
    masks: str = "none"  # [P] SAM 2; [I] none, because no package carries its weights; "sam2:FOLDER" or "sam2:NAME_ON_THE_HUB"
    clusterer: str | None = None  # None = grouped_kmeans [P] with masks, else what the weights were trained with, else soft_kmeans [B]
    weights: str | None = "laptop"  # learned parts; None = raw features and an untrained clusterer
    language_model: str = "smollm2"  # [I]; only read when `weights` bring none: a published one is "qwen2_5_vl:FOLDER"


ROLES = ("semantic", "geometric", "masks", "language_model")  # fields that say NAME, or NAME:WEIGHTS
AUTO = "auto"
AUTO_CEILING = 64  # when nobody names one

# Encoders stand here by name alone: nobody should fetch gigabytes, or agree to a licence, by typing the name of a preset.
PAPER = Preset(
    frames=32,
    proxies=450,
    patches=336,  # 16 x 21
    semantic="qwen_vl",
    geometric="vggt",
    masks="sam2",
    clusterer="grouped_kmeans",
    weights=None,  # a reader for such scenes has to be trained first: `proxy3d train paper`
    language_model="qwen2_5_vl",
)

PRESETS = {
    "laptop": Preset(),
    "brief_16": Preset(frames=4, proxies=16),  # [B] "16 keep more than 90 % of peak"
    "tiny": Preset(frames=4, proxies=16, semantic="tiny", weights=None, language_model="tiny"),
    "paper_450": PAPER,
    "paper_700": replace(PAPER, proxies=700, patches=1344),  # 32 x 42
    "modern": replace(PAPER, geometric="mapanything", language_model="qwen3_vl"),  # positions in metres, and newer weights
}

# Where a setting comes from.
ORIGIN = {
    "B": "the project's brief",
    "P": "the paper, first hand",
    "N": "the paper, through a reading note",
    "I": "chosen by us",
}
_LAPTOP = {
    **dict.fromkeys(("frames", "proxies", "adaptive", "clusterer"), "B"),
    **dict.fromkeys(("patches", "semantic", "geometric", "masks", "weights", "language_model"), "I"),
}
_PAPER = {
    **dict.fromkeys(("frames", "proxies", "semantic", "geometric", "language_model"), "P"),
    **dict.fromkeys(("adaptive", "patches", "masks", "clusterer"), "N"),
    "weights": "I",
}
ORIGINS: dict[str, dict[str, str]] = {  # of every field of every preset
    "laptop": _LAPTOP,
    "brief_16": _LAPTOP,
    "tiny": _LAPTOP,
    "paper_450": _PAPER,
    "paper_700": _PAPER,
    "modern": {**_PAPER, "semantic": "I", "geometric": "I", "language_model": "I"},
}


def preset(name: str, **changes: object) -> Preset:
    """A named preset with some fields changed; changes that are None are ignored. `proxies` may be "auto" or "auto:CEILING".

    Raises:
        BadInput: unknown name, or a value that cannot be meant.
    """
    if name not in PRESETS:
        raise BadInput(f"no preset is called {name!r}; known: {', '.join(sorted(PRESETS))}")
    return changed(PRESETS[name], **changes)


def changed(chosen: Preset, **changes: object) -> Preset:
    """The same preset with some fields changed, as `preset` does.

    Raises:
        BadInput: a value that cannot be meant.
    """
    changes = {k: v for k, v in changes.items() if v is not None}
    if "proxies" in changes:
        changes |= counted(changes["proxies"])
    return checked(replace(chosen, **changes))


def checked(chosen: Preset) -> Preset:
    """The same preset, if its numbers can be meant.

    Raises:
        BadInput: too few or too many.
    """
    for field, least, most in (("frames", 1, 64), ("proxies", 1, 1024), ("patches", 4, 4096)):
        value = getattr(chosen, field)
        if value is not None and not least <= value <= most:
            raise BadInput(f"--{field} {value}: expected a number from {least} to {most}")
    return chosen


def published(chosen: Preset) -> dict[str, object]:
    """The fields of a preset as a folder of weights states them: the weights are that folder, and nobody learns where others lay."""
    facts = {**asdict(chosen), "weights": None}
    for role in ROLES:
        name, colon, weights = (facts[role] or "").partition(":")
        if colon and (not is_hub_name(weights) or Path(weights).exists()):
            facts[role] = name
    return facts


def of_published(facts: object, where: str) -> Preset:
    """The preset that `published` wrote, with its weights in `where`; None is the laptop's.

    Raises:
        BadInput: fields that no preset has, or of another kind.
    """
    kinds = {f.name: type(f.default) for f in fields(Preset)} | {"patches": int | None}
    kinds |= dict.fromkeys(("clusterer", "geometric", "weights"), str | None)

    def fits(field: str, value: object) -> bool:
        if field in ROLES and isinstance(value, str) and ":" in value:
            return is_hub_name(value.partition(":")[2])  # never a place on this disk that somebody else thought of
        return field in kinds and isinstance(value, kinds[field]) and (kinds[field] is bool or not isinstance(value, bool))

    facts = {} if facts is None else facts
    wrong = sorted(k for k, v in facts.items() if not fits(k, v)) if isinstance(facts, dict) else ["preset"]
    if wrong:
        raise BadInput(f"{where}: config.json states a preset that this proxy3d cannot read ({wrong[0][:60]}); update proxy3d, or fetch it again")
    return checked(replace(Preset(), **{**facts, "weights": where}))


def counted(proxies: object) -> dict[str, object]:
    """What a number of proxies, "auto" or "auto:CEILING" means for a preset.

    Raises:
        BadInput: none of the three.
    """
    if isinstance(proxies, int):
        return {"proxies": proxies, "adaptive": False}
    word, _, ceiling = str(proxies).partition(":")
    if word != AUTO or (ceiling and not ceiling.isdecimal()) or str(proxies).endswith(":"):
        raise BadInput(f"--proxies {proxies}: expected a whole number, auto, or auto:CEILING, for example auto:64")
    return {"proxies": int(ceiling) if ceiling else AUTO_CEILING, "adaptive": True}
