"""A small language model whose sequence begins with the scene: any representation of it, read in one and the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from proxy3d.answers.fusion import GatedCrossAttention
from proxy3d.answers.measured import Measured, Told
from proxy3d.answers.scene_tokens import SceneText, SceneVectors
from proxy3d.answers.words import word_llama
from proxy3d.tokens.identity import NAMELESS, NAMES, identities
from proxy3d.tokens.project import SceneNumbers

LONGEST_ANSWER = 12  # tokens
IDENTIFIERS = tuple(name.lower() for name in NAMES)
BRIDGES = ("prefix", "cross_attention", "text")


@dataclass(frozen=True)
class SequenceSettings:
    """Sizes of a SequenceReader, and the two things about it that are compared: how a token says where it is, and how words see it."""

    proxy_dim: int
    words: tuple[str, ...]
    categories: tuple[str, ...]
    colours: tuple[str, ...]
    layers: int = 6
    width: int = 256
    heads: int = 4
    position: str = "place"  # one of scene_tokens.POSITIONS
    bridge: str = "prefix"  # in the sequence; read by gated cross-attention in every second layer; or written out as words
    measures: bool = True  # named things are measured against each other
    identifiers: bool = False  # tokens carry names that can be asked for and said (tokens.identity); `words` has them
    symbol_dim: int = 0  # length of a true object's feature, where such are shown in the place of proxies

    def __post_init__(self):
        if self.identifiers and not set(IDENTIFIERS) <= set(self.words):
            raise ValueError(f"SequenceSettings.words: expected {IDENTIFIERS[0]} to {IDENTIFIERS[-1]} among them, because tokens carry names")
        if self.bridge not in BRIDGES:
            raise ValueError(f"SequenceSettings.bridge: expected one of {', '.join(BRIDGES)}, got {self.bridge!r}")


@dataclass(frozen=True)
class Packed:
    """Several questions in one sequence of S words: each sees the scene, all of itself, and its own answer's past, and starts where the scene
    ends."""

    ids: Int[Tensor, "S"]
    row: Int[Tensor, "S"]  # which question
    place: Int[Tensor, "S"]  # which word of it
    start: Int[Tensor, "Q"]  # where each begins in the sequence
    asked: Int[Tensor, "Q"]  # its words without the answer

    @staticmethod
    def of(questions: Sequence[Sequence[int]], answers: Sequence[Sequence[int]] | None = None) -> Packed:
        """Questions, each with what is known of its answer."""
        rows = [(*q, *a) for q, a in zip(questions, answers or [()] * len(questions), strict=True)]
        length = torch.tensor([len(row) for row in rows])
        start = length.cumsum(0) - length
        row = torch.repeat_interleave(torch.arange(len(rows)), length)
        ids, asked = torch.tensor([i for r in rows for i in r]), torch.tensor([len(q) for q in questions])
        return Packed(ids, row, torch.arange(len(row)) - start[row], start, asked)

    @property
    def slot(self) -> Int[Tensor, "Q"]:
        """Where the last word of each question stands."""
        return self.start + self.asked - 1

    @property
    def end(self) -> Int[Tensor, "Q"]:
        """Where the last word of each question and its answer stands."""
        return torch.cat([self.start[1:], torch.tensor([len(self.ids)])]) - 1

    @property
    def is_question(self) -> Bool[Tensor, "S"]:
        return self.place < self.asked[self.row]

    def sees(self, shown: int) -> Bool[Tensor, "1 1 S P+S"]:
        """Who looks at whom; all `shown` tokens of the scene come first."""
        own = (self.row[:, None] == self.row[None]) & ((self.place[:, None] >= self.place[None]) | self.is_question[None])
        return torch.cat([own.new_ones(len(own), shown), own], 1)[None, None]

    def by_question(self) -> tuple[Int[Tensor, "Q n"], Bool[Tensor, "Q n"]]:
        """Where word i of each question stands in the sequence, and whether it has that many."""
        column = torch.arange(int(self.asked.max()))
        return self.start[:, None] + column.clamp(max=self.asked[:, None] - 1), column < self.asked[:, None]


@dataclass(frozen=True)
class Shown:
    """A scene that was read once; every question goes on from here."""

    cache: object  # keys and values of its P tokens in every layer, then of words
    length: int  # P
    memory: Float[Tensor, "1 1+K W"] | None  # for cross-attention instead: the tokens themselves
    middle: Float[Tensor, "K W"]  # the things in it, half-way through the layers
    thing: Float[Tensor, "K W"]  # and after the last
    xyz_room_m: Float[Tensor, "K 3"]
    viewer: Float[Tensor, "4"]


@dataclass(frozen=True)
class Heard:
    """Questions that were read after a scene."""

    found: Float[Tensor, "S K"]  # logits: which things each word names
    told: Told | None  # what was measured
    last: Float[Tensor, "S W"]


@dataclass(frozen=True)
class Reply:
    """What was said, how surely each thing is meant (logits), and the boxes of the likelier ones (room frame, metres; 0 elsewhere)."""

    text: str
    point: Float[Tensor, "K"]
    box: Float[Tensor, "K 6"]


class SequenceReader(nn.Module):
    """Scene tokens, then the words of a question, then those of its answer, in one transformer trained from nothing.

    Scene tokens look at each other in both directions. Half-way through the layers each word finds the things that it names, which is
    taught, takes in what it found, and is told how that lies to the other things that the question names, as ordinary attention would have
    to learn from answers alone. At the answer slot, the last word of the question, the reader says the first word, measures a length, and
    points: what the word found that the question is about, its own state against that of every thing, and how the thing lies to the named
    ones. The box of a pointed-at thing follows from the first two. A word of an answer may be one of the question's (a pointer network, See
    et al. 2017, arXiv 1704.04368).
    """

    def __init__(self, settings: SequenceSettings, *, seed: int = 0):
        super().__init__()
        self.settings = settings
        self.half = settings.layers // 2
        with torch.random.fork_rng(devices=()):
            self._build(settings, seed)

    def _build(self, s: SequenceSettings, seed: int) -> None:
        self.host = word_llama(s.words, layers=s.layers, width=s.width, heads=s.heads, seed=seed)
        if s.bridge == "text":
            self.scene = SceneText(s.categories, s.colours, self.host)
        else:
            self.scene = SceneVectors(s.proxy_dim, s.width, s.position, s.symbol_dim)
        self.identifier = torch.tensor([self.host.tokenizer.index[word] for word in IDENTIFIERS]) if s.identifiers else None
        self.cross = nn.ModuleDict()
        if s.bridge == "cross_attention":
            self.cross = nn.ModuleDict({str(i): GatedCrossAttention(s.width, s.width, s.heads) for i in range(0, s.layers, 2)})
        self.meant, self.named = Match(s.width), Match(s.width)
        if s.identifiers:  # what is in a word and in a thing alike goes together from the start; else no name is found for hundreds of steps
            self.named.thing.load_state_dict(self.named.word.state_dict())
        self.about = Match(s.width)  # which word of a question says what is meant
        self.take_in, self.sure = nn.Linear(s.width, s.width), nn.Linear(2, s.width)
        self.no_thing, self.colour = nn.Linear(s.width, 1), nn.Linear(s.width, len(s.colours) + 1)
        self.spelled = Packed.of([self.host.tokenizer.encode(category) for category in s.categories])
        self.next_word = nn.Linear(s.width, len(self.host.tokenizer.words))  # not the embeddings: those are long, and would learn slowly
        self.unasked = nn.Parameter(torch.zeros(s.width))  # stands for a question where a thing tells its own box
        self.box_asked, self.box_thing = nn.Linear(s.width, s.width), nn.Linear(s.width, s.width)
        self.box = nn.Sequential(nn.GELU(), nn.Linear(s.width, s.width), nn.GELU(), nn.Linear(s.width, 6))
        self.measured, self.at_once = (Measured(s.width), nn.Linear(s.width, s.width)) if s.measures else (None, None)
        self.measure = nn.Sequential(nn.Linear(2 * s.width, s.width), nn.GELU(), nn.Linear(s.width, 2))
        self.copies, self.copied, self.own = nn.Linear(s.width, s.width), nn.Linear(s.width, s.width), nn.Linear(s.width, 1)

    def tokens(
        self, numbers: SceneNumbers, identity: Int[Tensor, "K"] | None = None, *, symbols: bool = False
    ) -> tuple[Float[Tensor, "1 P W"], Int[Tensor, "K"]]:
        """A scene as the first tokens, and which of them are things. Where things have names, the word that says it is added to each.

        `identity` says which (tokens.identity), by default in order; `symbols` that these are true objects in the place of proxies.
        """
        hidden, things = self.scene(numbers, symbols=True) if symbols else self.scene(numbers)
        if self.identifier is None:
            return hidden, things
        identity = identities(numbers.extent_m) if identity is None else identity
        named = identity != NAMELESS
        return hidden.index_add(1, things[named], self.host.embed(self.identifier[identity[named]])[None].to(hidden.dtype)), things

    def show(self, numbers: SceneNumbers, identity: Int[Tensor, "K"] | None = None, *, symbols: bool = False) -> Shown:
        """Read a scene: see `tokens`."""
        hidden, things = self.tokens(numbers, identity, symbols=symbols)
        if self.cross:
            return Shown(self.host.new_cache(), 0, hidden, hidden[0, things], hidden[0, things], numbers.xyz_room_m, numbers.viewer)
        cache, rotary = self.host.new_cache(), self.host.rotary(hidden, torch.arange(hidden.shape[1])[None])
        middle = self._run(hidden, range(self.half), None, rotary, cache, None)
        last = self._run(middle, range(self.half, self.settings.layers), None, rotary, cache, None)
        return Shown(cache, hidden.shape[1], None, self._normal(middle)[things], self._normal(last)[things], numbers.xyz_room_m, numbers.viewer)

    def hear(self, shown: Shown, packed: Packed) -> Heard:
        """Read questions, with what is known of their answers, after a scene. Fills the scene's cache: see `forget`."""
        sees, hidden = packed.sees(shown.length), self.host.embed(packed.ids)[None]
        rotary = self.host.rotary(hidden, (packed.place + shown.length)[None])
        hidden, found = self._found(self._run(hidden, range(self.half), sees, rotary, shown.cache, shown.memory), shown)
        told = None
        if self.measured is not None:
            at, is_word = packed.by_question()
            told = self.measured(self._normal(hidden)[at], found[at], is_word, self.own_boxes(shown).detach(), shown.viewer)
            for where, what in ((at[is_word], told.word[is_word]), (packed.slot, told.slot)):
                hidden = hidden.index_add(1, where, what[None].to(hidden.dtype))
        last = self._normal(self._run(hidden, range(self.half, self.settings.layers), sees, rotary, shown.cache, shown.memory))
        if told is not None:  # a measure may be the answer as it is
            last = last.index_add(0, packed.slot, self.at_once(told.slot).to(last.dtype))
        return Heard(found, told, last)

    def _found(self, hidden: Float[Tensor, "1 S W"], shown: Shown) -> tuple[Float[Tensor, "1 S W"], Float[Tensor, "S K"]]:
        """Words that have taken in the things they name, and which these are (logits)."""
        found = self.named(self._normal(hidden), shown.middle).float()
        share = found.sigmoid()
        seen = share @ shown.middle / (share.sum(-1, keepdim=True) + 0.1)
        sure = torch.stack([found.amax(-1) / 4, share.sum(-1).log1p()], -1)
        return hidden + self.take_in(seen) + self.sure(sure), found

    def own_boxes(self, shown: Shown) -> Float[Tensor, "K 6"]:
        """The box of what each thing is part of, whatever is asked."""
        return self.boxes(self.unasked.expand_as(shown.thing), shown.thing, shown.xyz_room_m).float()

    def point(self, shown: Shown, packed: Packed, heard: Heard) -> Float[Tensor, "Q K"]:
        """How surely each thing is meant (logits) by each question."""
        asked = heard.last[packed.slot]
        own = (packed.row[None] == packed.row[packed.slot][:, None]) & packed.is_question[None]
        about = self.about(asked, heard.last).float().masked_fill(~own, -torch.inf).softmax(-1)
        point = about @ heard.found + self.meant(asked, shown.thing).float()
        return point if heard.told is None else point + heard.told.thing.float()

    def lengths(self, packed: Packed, heard: Heard) -> Float[Tensor, "Q 2"]:
        """Logarithms of metres and of square metres, where either is the answer."""
        slot = heard.last[packed.slot]
        told = torch.zeros_like(slot) if heard.told is None else heard.told.slot.to(slot.dtype)
        return self.measure(torch.cat([slot, told], -1)).float()

    def says(self, packed: Packed, heard: Heard, at: Int[Tensor, "A"]) -> Float[Tensor, "A V"]:
        """Log probability of the word that comes after each of these places: one of its own, or one of the question's."""
        return self._next(heard.last[at], packed.row[at], packed, heard)

    def _next(self, state: Float[Tensor, "A W"], row: Int[Tensor, "A"], packed: Packed, heard: Heard) -> Float[Tensor, "A V"]:
        """Log probability of the word after each state, which belongs to the question `row`."""
        own = (packed.row[None] == row[:, None]) & packed.is_question[None]
        copied = (self.copies(state) @ self.copied(heard.last).T / state.shape[-1] ** 0.5).float().masked_fill(~own, -torch.inf).softmax(-1)
        share = self.own(state).float().sigmoid()
        spoken = self.next_word(state).float().softmax(-1) * share
        return spoken.scatter_add(1, packed.ids.expand(len(state), -1), copied * (1 - share)).clamp_min(1e-9).log()

    @staticmethod
    def forget(shown: Shown) -> None:
        """Drop all questions from a scene's cache."""
        if shown.cache is not None and (more := shown.cache.get_seq_length() - shown.length):
            shown.cache.crop(-more)

    def names(self, middle: Float[Tensor, "K W"]) -> Float[Tensor, "K C+1"]:
        """Logits of what each thing is: how well it goes with the words of each category, as words of a question find things; last, nothing.

        So a word that occurs in no question yet is tied to what it names. Each category is read by itself, without the scene.
        """
        hidden = self.host.embed(self.spelled.ids)[None]
        rotary = self.host.rotary(hidden, self.spelled.place[None])
        kinds = self._normal(self._run(hidden, range(self.half), self.spelled.sees(0), rotary, None, None))[self.spelled.end]
        return torch.cat([self.named(kinds, middle).T, self.no_thing(middle)], 1).float()

    def boxes(self, asked: Float[Tensor, "*b W"], thing: Float[Tensor, "*b W"], xyz_room_m: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 6"]:
        """Centre and size, along the room's axes, of what is meant by a question at a thing."""
        offset, size = self.box(self.box_asked(asked) + self.box_thing(thing)).split(3, -1)
        return torch.cat([xyz_room_m + offset, (size - 1).clamp(-4, 2).exp()], -1)

    @torch.no_grad()
    def replies(self, shown: Shown, questions: Sequence[Sequence[int]], *, least: float = 0.2, longest: int = LONGEST_ANSWER) -> list[Reply]:
        """Greedy answers of at most `longest` tokens to questions as tokens; boxes of the surest token and of those with a score from `least` on."""
        self.forget(shown)
        packed = Packed.of(questions)
        heard = self.hear(shown, packed)
        slot, point = heard.last[packed.slot], self.point(shown, packed, heard)
        box = torch.zeros(*point.shape, 6)
        rows, columns = ((point.sigmoid() >= least) | (point == point.amax(1, keepdim=True))).nonzero(as_tuple=True)
        box[rows, columns] = self.boxes(slot[rows], shown.thing[columns], shown.xyz_room_m[columns])
        measured = self.lengths(packed, heard).exp()
        said = self._speak(shown, packed, heard, longest)
        return [Reply(self._text(said[i], measured[i]), point[i], box[i]) for i in range(len(questions))]

    def _speak(self, shown: Shown, packed: Packed, heard: Heard, longest: int) -> list[list[int]]:
        """Greedy words after questions that were just read. Each word is read once: all before it are in the scene's cache."""
        said: list[list[int]] = [[] for _ in packed.asked]
        if not longest:
            return said
        still, rows = torch.arange(len(said)), packed.row  # whose each word behind the scene is
        best = self.says(packed, heard, packed.slot).argmax(-1)
        for place in range(longest):
            for row, word in zip(still.tolist(), best.tolist(), strict=True):
                said[row].append(word)
            goes_on = best != self.host.tokenizer.stop
            still, best = still[goes_on], best[goes_on]
            if not len(still) or place == longest - 1:
                break
            rows = torch.cat([rows, still])
            sees = torch.cat([torch.ones(len(still), shown.length, dtype=torch.bool), still[:, None] == rows[None]], 1)[None, None]
            hidden = self.host.embed(best)[None]
            rotary = self.host.rotary(hidden, (packed.asked[still] + place + shown.length)[None])
            hidden = self._found(self._run(hidden, range(self.half), sees, rotary, shown.cache, shown.memory), shown)[0]
            last = self._normal(self._run(hidden, range(self.half, self.settings.layers), sees, rotary, shown.cache, shown.memory))
            best = self._next(last, still, packed, heard).argmax(-1)
        return said

    def _text(self, said: Sequence[int], measured: Tensor) -> str:
        tokenizer = self.host.tokenizer
        if said and said[0] == tokenizer.metres:
            return f"{float(measured[0]):.2f} m"
        if said and said[0] == tokenizer.square_metres:
            return f"{float(measured[1]):.1f} m2"
        return tokenizer.decode(said)

    def _run(
        self, hidden: Tensor, layers: range, sees: Tensor | None, rotary: tuple[Tensor, Tensor], cache: object | None, memory: Tensor | None
    ) -> Float[Tensor, "1 S W"]:
        for i in layers:
            if str(i) in self.cross and memory is not None:
                hidden = hidden + self.cross[str(i)](hidden, memory)
            hidden = self.host.run(hidden, range(i, i + 1), sees, rotary, cache)
        return hidden

    def _normal(self, hidden: Float[Tensor, "1 S W"]) -> Float[Tensor, "S W"]:
        return self.host.body.norm(hidden)[0].float()


class Match(nn.Module):
    """How well words and things go together: a scaled dot product, and a threshold of its own."""

    def __init__(self, width: int):
        super().__init__()
        self.word, self.thing = nn.Linear(width, width), nn.Linear(width, width)
        self.least = nn.Parameter(torch.tensor(-2.0))  # few things are meant

    def forward(self, words: Float[Tensor, "Q W"], things: Float[Tensor, "K W"]) -> Float[Tensor, "Q K"]:
        return self.word(words) @ self.thing(things).T / words.shape[-1] ** 0.5 + self.least
