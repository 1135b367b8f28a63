"""The stages of the small reader as data: the brief's, and the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from proxy3d.training.loop import Stage
from proxy3d.training.made_questions import MADE, PHRASES
from proxy3d.training.sequence import PROXIES, STAGES, SYMBOLS, PackedSettings

TOKENS = "tokens"  # what each token is part of, without any question
RECORDS = "records"  # the data set's own questions


@dataclass(frozen=True)
class ReaderStage:
    """What moves and how fast, for which share of all steps, what the reader is shown, and what it is asked."""

    stage: Stage
    share: float
    shows: str = PROXIES  # or SYMBOLS: the true objects in their place
    asks: tuple[str, ...] = (TOKENS, RECORDS)  # these two, and any of made_questions.MADE

    def packed(self, common: PackedSettings) -> PackedSettings:
        """Settings that several stages share, made those of this one."""
        made = tuple(kind for kind in self.asks if kind in MADE)
        weight = common.weight_names if TOKENS in self.asks else 0.0
        return replace(common, shows=self.shows, asks=RECORDS in self.asks, makes=made, weight_names=weight)


def _symbols(name: str, share: float) -> ReaderStage:
    """A stage about the names of true objects. Everything moves: this reader starts from nothing; learning rates are not published."""
    return ReaderStage(Stage(name, ("",), steps=150, lr=1e-3, warmup=30), share, SYMBOLS, (name,))


_NAMES, _ANSWERS = STAGES
BRIEF = (ReaderStage(_NAMES, 0.25, asks=(TOKENS,)), ReaderStage(_ANSWERS, 0.75))
PAPER = (
    _symbols("names", 0.1),  # which object a name stands for
    _symbols("coordinates", 0.1),  # where it is
    _symbols("relations", 0.2),  # how two of them lie to each other
    ReaderStage(replace(_ANSWERS, name="proxies"), 0.6, asks=(TOKENS, RECORDS, PHRASES)),  # everything, on real proxies
)
CURRICULA = {"brief": BRIEF, "paper": PAPER}


def timed(curriculum: Sequence[ReaderStage], steps: int) -> tuple[ReaderStage, ...]:
    """The same stages for so many steps in all: each has its share, at least one, and the last what is left."""
    counts = [max(1, int(steps * stage.share)) for stage in curriculum[:-1]]
    counts.append(max(1, steps - sum(counts)))
    stages = (replace(s.stage, steps=n, warmup=min(s.stage.warmup, n // 2)) for s, n in zip(curriculum, counts, strict=True))
    return tuple(replace(s, stage=stage) for s, stage in zip(curriculum, stages, strict=True))
