"""What the headline study compares: ways to show a room to one and the same reader, and parts of ours taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy3d.errors import BadInput
from proxy3d.presets import AUTO
from proxy3d.training.representations import DRAWN, FRAMES, OBJECTS, PATCHES, Grouping, Representation
from proxy3d.training.sequence import SYMBOLS
from proxy3d.training.stages import CURRICULA

START = "symbols"  # the variant that all others may go on from
OWN = "own"  # how a result is called where a model is tested on what it was trained on


@dataclass(frozen=True)
class Variant:
    """One model of the study: what it is trained to look at, and on what else it is tested."""

    about: str  # for tables
    representation: Representation
    tested: Mapping[str, Grouping] = field(default_factory=dict)  # by name of the result
    position: str = "place"
    bridge: str = "prefix"
    measures: bool = True
    names: bool = True  # False: no stage, and no loss, in which tokens say what they are
    curriculum: str = "brief"  # a key of training.stages.CURRICULA
    identifiers: bool = False  # tokens carry names

    @property
    def symbols(self) -> bool:
        """Whether true objects stand in for proxies in some stage."""
        return any(stage.shows == SYMBOLS for stage in CURRICULA[self.curriculum])

    def groupings(self) -> tuple[Grouping, ...]:
        """All that must be looked through."""
        return (*self.representation.groupings, *self.tested.values(), *((Grouping(OBJECTS),) if self.symbols else ()))


def _one(about: str, grouping: Grouping, hides: tuple[str, ...] = (), **settings: object) -> Variant:
    return Variant(about, Representation((grouping,), hides), {OWN: grouping}, **settings)


_DRAWN = tuple(Grouping(proxies=n) for n in DRAWN)
_OURS = Grouping()
COUNTS = {f"p{n}": Grouping(proxies=n) for n in DRAWN} | {AUTO: Grouping(proxies=AUTO)}

VARIANTS: dict[str, Variant] = {
    START: _one("true objects as tokens: the start, from which all others go on", Grouping(OBJECTS)),
    "dense": _one("every patch a token", Grouping(PATCHES)),
    "ours": Variant("proxies, any number of them", Representation(_DRAWN), COUNTS),
    "blind": _one("nothing", _OURS, ("feature", "place", "viewer")),
    "oracle": _one("true boxes as text", Grouping(OBJECTS), bridge="text"),
    # Other ways to as many tokens, with the same learned features.
    "ours_32": _one("32 proxies", _OURS),
    "voxel_32": _one("32 cells of a grid in space", Grouping("voxel")),
    "farthest_32": _one("32 farthest points", Grouping("farthest")),
    "uniform_32": _one("32 cells of the pictures", Grouping("uniform")),
    "frames": _one("one token per frame", Grouping(FRAMES)),
    # Ours at 32 with one thing taken away.
    "no_grouping": _one("grouped by position alone", Grouping("kmeans_position")),
    "no_semantics": _one("no meaning in a token", _OURS, ("feature",)),
    "no_geometry": _one("no place in a token", _OURS, ("place", "viewer")),
    "no_position": _one("no 3D position encoding", _OURS, position="none"),
    "hybrid_position": _one("position as published", _OURS, position="hybrid"),
    "no_stage_1": _one("no stage 1: frozen features", Grouping(frozen=True)),
    "no_measures": _one("no measures between named things (the start had them)", _OURS, measures=False),
    "no_names": _one("nothing that makes tokens say what they are (the start had it)", _OURS, names=False),
    "cross_attention": _one("cross-attention for the prefix", _OURS, bridge="cross_attention"),
    "no_order": _one("no breadth-first order", Grouping(ordered=False)),
    "paper_stages": _one("names, position and four stages as published", _OURS, position="hybrid", curriculum="paper", identifiers=True),
}


def chosen_variants(names: str | None) -> dict[str, Variant]:
    """All, or those of a list with commas.

    Raises:
        BadInput: an unknown name; lists the known ones.
    """
    wanted = list(VARIANTS) if names is None else [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in VARIANTS:
            raise BadInput(f"no variant is called {name!r}; known: {', '.join(VARIANTS)}")
    return {name: VARIANTS[name] for name in wanted}
