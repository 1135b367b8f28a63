"""The paper's reader: proxies stand in a published language model's sequence where the tokens of a picture would."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from proxy3d.answers.language_models.causal import CausalHost
from proxy3d.answers.language_models.llama import add_low_rank
from proxy3d.answers.question import pad
from proxy3d.answers.scene_tokens import Hybrid
from proxy3d.errors import BadInput
from proxy3d.tokens.identity import NAMELESS, NAMES
from proxy3d.tokens.position import seen_from_start
from proxy3d.tokens.project import SceneNumbers

LONGEST_ANSWER = 32  # tokens
NAME = re.compile(r"(<OBJ0\d\d>)", re.IGNORECASE)


@dataclass(frozen=True)
class PaperSettings:
    """What a PaperReader is made of, besides its language model."""

    language_model: str  # a key of PUBLISHED
    language_model_sha256: str  # CausalHost.hash: what was learnt for one means nothing to another
    proxy_dim: int
    semantic: str  # "name sha256:..." of whatever looked at the frames
    rank: int = 0  # of low-rank additions to every layer; 0 = none
    whole: bool = False  # the language model's own weights have moved


@dataclass(frozen=True)
class Shown:
    """A scene that was read once; every question goes on from here."""

    cache: object  # keys and values of all that comes before a question
    carried: Bool[Tensor, "100"]  # which of NAMES its tokens carry
    last: Float[Tensor, "P E"]  # states after the last layer


class PaperReader(nn.Module):
    """`before <|vision_start|> Z_1 ... Z_K <|vision_end|> question after answer`, with words and marks of the model's own (method.md 3.7 to 3.9).

    Z is a proxy's feature, carried to the width of a word by a linear layer unless it has that width, turned by its height and moved by its
    place on the floor (`Hybrid`), and the name of its object added. Places are metres as the first camera sees them: to the right, ahead,
    above the floor. A name is a word of its own, with an id behind the model's: `name` is how it reads, `said` how it is said.
    """

    def __init__(self, host: CausalHost, settings: PaperSettings, *, seed: int = 0):
        super().__init__()
        self.host, self.settings = host, settings
        with torch.random.fork_rng(devices=()), torch.no_grad():
            torch.manual_seed(seed)
            self.projection = nn.Identity() if settings.proxy_dim == host.dim else nn.Linear(settings.proxy_dim, host.dim)
            self.position = Hybrid(host.dim)
            # All that is added must start at the length of a word, or the first layers drown in it.
            read, said = (float(table.weight.std()) for table in (host.model.get_input_embeddings(), host.model.get_output_embeddings()))
            self.name = nn.Parameter(torch.randn(len(NAMES), host.dim) * read)
            self.said = nn.Parameter(torch.randn(len(NAMES), host.dim) * said)
            for value in (*self.projection.parameters(), *self.position.floor[-1].parameters()):
                value.mul_(read)
        if settings.rank:
            if not all(hasattr(layer, part) for layer in getattr(host.body, "layers", [None]) for part in ("self_attn", "mlp")):
                raise BadInput(f"{host.named}: low-rank additions are made for layers of attention and an MLP; train the recipe paper instead")
            add_low_rank(host, settings.rank, range(len(host.body.layers)))
        self.to(host.model.get_input_embeddings().weight.device)

    @property
    def device(self) -> torch.device:
        return self.name.device

    def forward(
        self,
        numbers: SceneNumbers,
        identity: Int[Tensor, "K"],
        symbols: Float[Tensor, "D E"] | None,
        questions: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
    ) -> Float[Tensor, ""]:
        """What a step of training makes smaller: `surprise` at the answers to questions about one scene.

        Questions need only keys and values of the scene. Its last states count nothing, but are there because layers that processes share
        out are gathered for the way back when a gradient of what they return arrives.
        """
        shown = self.show(self.tokens(numbers, identity, symbols), identity)
        return self.surprise(shown, questions, answers) + 0 * shown.last.sum()

    def learned(self) -> dict[str, nn.Parameter]:
        """What training moves and a file of weights holds: our own, low-rank additions, and with `whole` the language model but for its eyes."""
        host, of_words = {id(p) for p in self.host.parameters()}, self.host.own_parameters() if self.settings.whole else set()
        mine = self.named_parameters()
        return {name: p for name, p in mine if id(p) not in host or id(p) in of_words or name.endswith((".down", ".up"))}

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of words and of names."""
        parts = [[self.host.words + int(part[4:7])] if NAME.fullmatch(part) else self.host.encode(part) for part in NAME.split(text) if part]
        return tuple(i for part in parts for i in part)

    def decode(self, ids: Sequence[int]) -> str:
        """The reverse of `encode`."""
        parts = groupby(ids, lambda i: i >= self.host.words)
        return "".join("".join(NAMES[i - self.host.words] for i in run) if is_name else self.host.decode(list(run)) for is_name, run in parts)

    def asked(self, question: str) -> tuple[int, ...]:
        """A question with what comes after it in the chat."""
        return (*self.encode(question), *self.host.encode(self.host.chat.after))

    def answered(self, answer: str) -> tuple[int, ...]:
        """An answer with its end."""
        return (*self.encode(self.host.chat.space + answer), self.host.stop)

    def embed(self, ids: Int[Tensor, "*b"]) -> Float[Tensor, "*b E"]:
        """Words and names."""
        number = ids.to(self.device) - self.host.words
        return torch.where(number[..., None] >= 0, self.name[number.clamp_min(0)], self.host.embed(ids.clamp_max(self.host.words - 1)))

    def tokens(self, numbers: SceneNumbers, identity: Int[Tensor, "K"], symbols: Float[Tensor, "D E"] | None = None) -> Float[Tensor, "K E"]:
        """Proxies as words; with `symbols` (see `symbols_of`) these are true objects, whose features say which rows to add."""
        named = (identity != NAMELESS).nonzero()[:, 0]
        place = torch.cat([seen_from_start(numbers.xyz_room_m, numbers.viewer), numbers.xyz_room_m[:, 2:]], 1)
        feature, place, number, named = (value.to(self.device) for value in (numbers.feature, place, identity[named], named))
        z = self.projection(feature) if symbols is None else feature @ symbols.to(self.device)
        return self.position(z, place).index_add(0, named, self.name[number])

    def prefix(self, tokens: Float[Tensor, "K E"]) -> Float[Tensor, "P E"]:
        """All that comes before a question."""
        before = [*self.host.encode(self.host.chat.before), *self.host.opens]
        return torch.cat([self.embed(torch.tensor(before, dtype=torch.long)), tokens, self.embed(torch.tensor(self.host.closes, dtype=torch.long))])

    def show(self, tokens: Float[Tensor, "K E"], identity: Int[Tensor, "K"]) -> Shown:
        """Read a scene."""
        cache = self.host.new_cache()
        last = self.host.read(self.prefix(tokens)[None], cache)[0]
        carried = torch.zeros(len(NAMES), dtype=torch.bool)
        carried[identity[identity != NAMELESS]] = True
        return Shown(cache, carried.to(self.device), last)

    def hear(self, cache: object, rows: Sequence[Sequence[int]]) -> Float[Tensor, "Q n E"]:
        """States after words that follow a scene; fills its cache. Shorter rows are padded on the right, where nobody looks."""
        return self.host.read(self.embed(pad(rows)[0]), cache)

    def logits(self, hidden: Float[Tensor, "*b E"], carried: Bool[Tensor, "100"]) -> Float[Tensor, "*b V+100"]:
        """Of the next word: the model's own, then names. A name that nothing in the scene carries cannot be said."""
        names = (hidden @ self.said.T).masked_fill(~carried, -torch.inf)
        return torch.cat([self.host.logits(hidden), names], -1).float()

    def surprise(self, shown: Shown, questions: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Float[Tensor, ""]:
        """-log P(answer | scene, question), the mean over all words of all answers; `shown` cannot be used again."""
        shown.cache.batch_repeat_interleave(len(questions))
        hidden = self.hear(shown.cache, [(*q, *a[:-1]) for q, a in zip(questions, answers, strict=True)])
        row = [i for i, answer in enumerate(answers) for _ in answer]
        column = [len(q) - 1 + n for q, answer in zip(questions, answers, strict=True) for n in range(len(answer))]
        wanted = torch.tensor([word for answer in answers for word in answer], device=self.device)
        return nn.functional.cross_entropy(self.logits(hidden[row, column], shown.carried), wanted)

    @torch.no_grad()
    def says(self, shown: Shown, question: Sequence[int], longest: int = LONGEST_ANSWER) -> list[tuple[int, float]]:
        """The likeliest next words until the end, each with its probability."""
        cache, words, said = copy.deepcopy(shown.cache), question, []
        while len(said) < longest:
            share = self.logits(self.hear(cache, [words])[0, -1], shown.carried).softmax(-1)
            best = int(share.argmax())
            if best in self.host.stops:
                break
            said.append((best, float(share[best])))
            words = (best,)
        return said


@torch.no_grad()
def symbols_of(host: CausalHost, categories: Sequence[str], colours: Sequence[str]) -> Float[Tensor, "C+H+2 E"]:
    """What stands for a true object (method.md 3.8): one row for each category and colour, the mean of the model's own words for it; a thing
    without a word is a thing, and one without a colour has none."""
    rows = [host.embed(torch.tensor(host.encode(f" {word}"))).mean(0) for word in (*categories, "thing", *colours)]
    return torch.stack([*rows, torch.zeros_like(rows[0])])
