"""Ask one scene many times: the scene is read once, each question costs only itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.answers.boxes import merge_votes, world_box
from proxy3d.answers.evidence import not_seen, number_range
from proxy3d.answers.nouns import asks_of_no_thing, named_thing, seen_things
from proxy3d.answers.parse import checked_question, clean_answer
from proxy3d.answers.question import Wording, pad, padded_values, worded
from proxy3d.errors import BadInput
from proxy3d.tokens.project import SceneNumbers
from proxy3d.values import Answer, Box, Scene

if TYPE_CHECKING:
    from proxy3d.answers.fusion import Fused
    from proxy3d.answers.model import SpatialReader
    from proxy3d.weights import Weights

LONGEST_ANSWER = 12  # tokens
LEAST_SCORE = 0.5
NOTHING_KNOWN = "no thing in this question is known to these weights; the answer may be a guess"


class Session:
    """One scene with its reader. `weights` None means an untrained reader over the named language model, for tests."""

    def __init__(self, scene: Scene, weights: Weights | None, language_model: str = "tiny"):
        self.scene, self.weights, self.language_model = scene, weights, language_model
        self.numbers = SceneNumbers.of(scene)
        made_with = scene.encoders.get("weights")
        if weights and made_with is not None and not made_with.endswith(f"sha256:{weights.hash[:16]}"):
            raise BadInput(
                f"scene {scene.clip_id}: its proxies were made with the weights {made_with}, not with {weights.name} sha256:{weights.hash[:16]}; "
                "encode the capture again, or give --weights the file it was made with"
            )
        if weights and weights.reader_settings.proxy_dim != scene.proxies.feature.shape[1]:
            raise BadInput(
                f"scene {scene.clip_id}: its proxies have {scene.proxies.feature.shape[1]} features, the weights {weights.name} expect "
                f"{weights.reader_settings.proxy_dim}; encode the capture again"
            )

    @cached_property
    def reader(self) -> SpatialReader:
        if self.weights:
            return self.weights.reader
        from proxy3d.answers.language_models import LANGUAGE_MODELS
        from proxy3d.answers.model import ReaderSettings, SpatialReader

        with torch.random.fork_rng():
            torch.manual_seed(0)
            return SpatialReader(LANGUAGE_MODELS[self.language_model](), ReaderSettings(proxy_dim=self.numbers.feature.shape[1])).eval()

    @cached_property
    def tokens(self) -> Float[Tensor, "1+K W"]:
        with torch.no_grad():
            return self.reader.namer(self.numbers)

    @cached_property
    def shown(self) -> object:
        """The language model's keys and values of the scene tokens: computed at the first question, reused by all others."""
        with torch.no_grad():
            return self.reader.show(self.tokens)

    @torch.no_grad()
    def ask(self, question: str) -> Answer:
        """Words, with the boxes of the objects they are about and the proxies and frames that show them.

        A question about what the scene does not show is answered "not seen: ...", with weights that know how sure is sure enough. The answer
        carries a warning where the question names no thing that the weights know (`nouns.asks_of_no_thing`) and no box supports the answer.
        A box has as its label the category word of the question that its proxies are taken for, if any.

        Raises:
            BadInput: the question is empty or far too long.
        """
        line = checked_question(question)
        memory = self.reader.recall(self.shown)
        asked, words, fused = self._fused(line, memory)
        text = self.reader.host.tokenizer.decode(self._decode(asked, words, fused, memory))
        text = clean_answer(text, metric=self.scene.scale.is_metric)
        seen = seen_things(line, asked, fused.match[0], self.reader.settings.categories)
        if missing := not_seen(seen, float(self._fact("least_seen", 0.0)), text):
            return Answer(f"not seen: {', '.join(missing)}", seen=seen)
        named = partial(named_thing, line, asked, fused.match[0], self.reader.settings.categories)
        boxes = tuple(replace(box, label=named(box.proxies)) for box in self._boxes(fused, label=None))
        warning = NOTHING_KNOWN if not boxes and asks_of_no_thing(line, self.reader.settings.categories) else None
        proxies = tuple(sorted({p for box in boxes for p in box.proxies}))
        scale = self.scene.scale
        spread = number_range(fused, 0, text, self._fact("range", {}), sigma=scale.relative_sigma) if scale.is_metric else None
        return Answer(text, boxes, proxies, tuple(sorted({t for box in boxes for t in box.frames})), spread, seen, warning)

    @torch.no_grad()
    def ground(self, phrase: str) -> tuple[Box, ...]:
        """Boxes of what the phrase means, surest first; none is an answer.

        Raises:
            BadInput: the phrase is empty or far too long.
        """
        line = checked_question(phrase, what="phrase")
        return self._boxes(self._fused(line)[-1], label=line)

    def _fused(self, line: str, memory: object | None = None) -> tuple[Wording, Float[Tensor, "1 n E"], Fused]:
        """The question in tokens and half understood, and the scene in its light; `memory` keeps what the layers below the tap heard."""
        asked = worded(self.reader.host, line)
        ids, real = pad([asked.ids])
        words = self.reader.listen(ids, len(self.tokens), cache=memory)
        return asked, words, self.reader.fuse(self.tokens, self.numbers, words, real, padded_values([asked], len(asked.ids)))

    def _fact(self, name: str, fallback: object) -> object:
        """What training found out about these weights."""
        return self.weights.facts.get(name, fallback) if self.weights else fallback

    def _boxes(self, fused: Fused, *, label: str | None) -> tuple[Box, ...]:
        point, box = self.reader.point(fused, self.numbers.xyz_room_m)
        least = float(self._fact("least_score", LEAST_SCORE))
        return tuple(world_box(vote, self.scene, label=label) for vote in merge_votes(point[0].sigmoid(), box[0], least=least))

    def _decode(self, asked: Wording, words: Float[Tensor, "1 n E"], fused: Fused, memory: object) -> list[int]:
        """Greedy words; one memory for all layers: below the tap of the question, above it of the scene too."""
        reader, out, past = self.reader, [], 0
        (offers,) = reader.offers(fused, [asked])
        while len(out) < LONGEST_ANSWER:
            hidden = reader.speak(words, fused, memory, past=past)
            best = int(reader.next_word(hidden[0, -1], offers.after(out)).argmax())
            if best == reader.host.tokenizer.stop:
                break
            out.append(best)
            past += words.shape[1]
            words = reader.listen(torch.tensor([[best]]), len(self.tokens), past=past, cache=memory)
        return out
