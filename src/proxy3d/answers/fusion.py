"""Let a question pick the proxies that matter: its words find their proxies, both reason together, then proxies point and layers above read them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from proxy3d.answers.judge import Judge, Judged, attention, reading_order, spread
from proxy3d.tokens.position import PAIR_DIM, POSE_DIM, pair_numbers, pose_numbers, seen_from_start
from proxy3d.tokens.project import Attend, Feed, with_viewer

ANCHORS = 3  # things that a question may measure from at once
UNSEEN = 0.01  # probability that a thing is of a kind or colour that no proxy shows
SHARPNESS = 2.0  # how much more the surest proxies of a word say where its thing is than the others


@dataclass(frozen=True)
class SceneThings:
    """What the proxies of a scene are known to be part of, before any question."""

    centre_room_m: Float[Tensor, "K 3"]
    size_m: Float[Tensor, "K 3"]
    kind: Float[Tensor, "K C"]  # probability of each category, and last of none
    colour: Float[Tensor, "K D"]  # probability of each colour word, and last of none


@dataclass(frozen=True)
class Fused:
    """A scene in the light of Q questions of up to n words."""

    scene: Float[Tensor, "Q 1+K W"]
    match: Float[Tensor, "Q n K"]  # logit that a word names what a proxy is part of
    chosen: Float[Tensor, "Q 7+n"]  # log share of the answer: one of judge.SOURCES, or one that begins with word i of the question
    judged: Judged
    kind: Float[Tensor, "Q C"]  # log share of each category for what is asked about, and last of none
    colour: Float[Tensor, "Q D"]  # the same of each colour word
    spot: Float[Tensor, "Q 3"]  # the place that the numbers of the question name: metres right of and ahead of the first camera, and up

    def rows(self, index: list[int]) -> Fused:
        """Some of the questions."""
        judged = Judged(**{name: value[index] for name, value in self.judged.__dict__.items()})
        rest = {name: value[index] for name, value in self.__dict__.items() if name != "judged"}
        return Fused(judged=judged, **rest)


class Fusion(nn.Module):
    """Words look for the proxies they name, take in where those are, and then words and proxies attend to each other.

    The brief's "cross-modal attention from text picks the proxies that matter" (method.md 1.6), in two steps: a match that can
    be taught what each noun means, and joint layers in which "left of" and "nearest" are worked out between matched words, each
    standing where its proxies' objects are. Before those layers everything is told how it lies to the things that the question
    names: the distance of two chairs to a lamp then differs at sight, instead of after two rounds of attention. Doing it in a narrow
    network beside the language model keeps it cheap: some 50 tokens of width 256 instead of 576. The answer may begin with a word
    of the question (a pointer network, Vinyals et al. 2015, arXiv 1506.03134): "the lamp or the plant?" asks for no other word. Numbers
    are read by value, not by digit (as in xVal, Golkar et al. 2023, arXiv 2310.02989): "2 m ahead" is a step, and all steps of a
    question together name a place as a noun names a thing.
    """

    def __init__(self, text_dim: int, width: int, layers: int, heads: int, *, kinds: int, colours: int):
        super().__init__()
        self.text = nn.Sequential(nn.LayerNorm(text_dim), nn.Linear(text_dim, width), Feed(width))
        self.read, self.read_feed = Attend(width, heads), Feed(width)  # the language model only looks back; a noun needs what follows it too
        self.step, self.near = nn.Linear(width, 3), nn.Parameter(torch.tensor([2.0, -6.0, -2.0]))
        self.named, self.looks, self.doubt = nn.Linear(width, width), nn.Linear(width, width), nn.Parameter(torch.tensor(-3.0))
        self.to_word, self.to_proxy, self.found = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(2, width)
        self.word_mark = nn.Parameter(torch.zeros(width))
        self.anchor, self.order = nn.Linear(width, ANCHORS), nn.Parameter(spread(ANCHORS))
        self.place, self.own, self.asked = nn.Linear(ANCHORS * PAIR_DIM + POSE_DIM, width), nn.Linear(width, 2 * width), nn.Linear(width, 2 * width)
        self.relate = nn.Sequential(nn.GELU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(nn.ModuleList([Attend(width, heads), Feed(width)]) for _ in range(layers))
        self.norm, self.norm_early = nn.LayerNorm(width), nn.LayerNorm(width)
        self.judge = Judge(width, text_dim, kinds, colours)
        self.choose, self.wish = nn.Linear(2 * width, 1), nn.Linear(width, width)

    def forward(
        self,
        tokens: Float[Tensor, "1+K W"],
        things: SceneThings,
        viewer: Float[Tensor, "4"],
        text: Float[Tensor, "Q n E"],
        is_word: Bool[Tensor, "Q n"],
        value: Float[Tensor, "Q n"],
    ) -> Fused:
        """`value` holds the numbers of the questions (`question.Wording.value`); each question has at least one word."""
        count, n = is_word.shape
        closed = torch.zeros(is_word.shape).masked_fill(~is_word, -torch.inf)[:, None, None]
        words = self.read_feed(self.read(self.text(text), word_distances(n)[None], closed))
        spot = (self.step(words) * value.nan_to_num(0.0)[..., None]).sum(1)
        match = self.named(words) @ self.looks(tokens[1:]).T / words.shape[-1] ** 0.5 + self.doubt
        match = torch.where(value.isnan()[..., None], match, self._near(spot, things, viewer)[:, None])
        share = match.sigmoid() * is_word[..., None]
        scene, words = self._exchange(tokens.expand(count, -1, -1), words, match, share)
        # Placed where its surest proxies are as soon as it may name anything; half a name must not stand at half the way.
        of_words = (SHARPNESS * match).softmax(-1) * (3 * match.amax(-1, keepdim=True) + 4).sigmoid()
        centre, size = with_viewer(things.centre_room_m, things.size_m, viewer)
        centre, size = (torch.cat([at.expand(count, -1, -1), of_words @ at[1:]], 1) for at in (centre, size))
        pairs, closed = pair_numbers(centre, size, viewer), F.pad(closed, (len(tokens), 0))
        x = torch.cat([scene, words + self.word_mark], 1)
        names = match.amax(-1).sigmoid() * is_word
        asked = self.judge.asks(words, is_word)
        x = x + self._lie(x, words, asked, names, is_word, pairs[:, len(tokens) :], centre)
        early = self.norm_early(x[:, len(tokens) :])
        for attend, feed in self.layers:
            x = feed(attend(x, pairs, closed))
        x = self.norm(x)
        reach = things.centre_room_m[:, :2].amax(0) - things.centre_room_m[:, :2].amin(0)
        judged = self.judge(words, early, x[:, 0], names, is_word, centre[:, len(tokens) :], size[:, len(tokens) :], viewer, reach)
        wished = (early @ self.wish(asked)[..., None])[..., 0] / words.shape[-1] ** 0.5
        offered = self.choose(torch.cat([early, x[:, len(tokens) :]], -1))[..., 0] + wished
        chosen = torch.cat([judged.source, offered.masked_fill(~is_word, -torch.inf)], -1).log_softmax(-1)
        of_thing = torch.einsum("qn,qnk->qk", judged.thing, of_words)
        kind, colour = ((of_thing @ seen + UNSEEN).log() for seen in (things.kind, things.colour))
        kind, colour = (kind + judged.kind).log_softmax(-1), (colour + judged.colour).log_softmax(-1)
        return Fused(x[:, : len(tokens)], match, chosen, judged, kind, colour, spot)

    def _near(self, spot: Tensor, things: SceneThings, viewer: Tensor) -> Tensor:
        """Logit (Q, K) that a proxy's thing is at the spot: how far the spot is outside its box, and from its middle, both in metres."""
        half = things.size_m / 2
        turned = torch.cat([seen_from_start(things.centre_room_m, viewer), things.centre_room_m[:, 2:]], -1)
        far = spot[:, None] - turned
        # The box stands along the room's axes; the first camera may look across them, so its floor plan is taken as a circle.
        reach = torch.stack([half[:, :2].mean(-1), half[:, 2]], -1)
        apart = torch.stack([far[..., :2].square().sum(-1).add(1e-4).sqrt(), far[..., 2].abs()], -1)
        outside = (apart - reach).clamp_min(0).square().sum(-1).add(1e-4).sqrt()
        return self.near[0] + self.near[1] * outside + self.near[2] * far.square().sum(-1).add(1e-4).sqrt()

    def _exchange(self, scene: Tensor, words: Tensor, match: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """Words take in the mean of their proxies and how sure they are of them; proxies take in the words that name them."""
        seen = share @ self.to_word(scene[:, 1:]) / (share.sum(-1, keepdim=True) + 0.1)
        sure = torch.stack([match.amax(-1) / 4, share.sum(-1).log1p()], -1)
        told = share.transpose(1, 2) @ self.to_proxy(words) / (share.sum(1)[..., None] + 1)
        return torch.cat([scene[:, :1], scene[:, 1:] + told], 1), words + seen + self.found(sure)

    def _lie(self, x: Tensor, words: Tensor, asked: Tensor, names: Tensor, is_word: Tensor, pairs: Tensor, centre: Tensor) -> Tensor:
        """What it means, to this question, how each token lies to the named things: `pairs` (Q, n, 1+K+n, 10) from each word to everything,
        and `centre` (Q, 1+K+n, 3) for one who stands by the first named thing and looks at the second."""
        role = attention(self.anchor(words) + reading_order(is_word) * self.order, names, is_word)
        at, towards = torch.einsum("qwa,qwd->aqd", role[..., :2], centre[:, -words.shape[1] :])
        pose = pose_numbers(at, towards, centre)
        lies = self.place(torch.cat([torch.einsum("qwa,qwtp->qtap", role, pairs).flatten(2), pose], -1))
        (own_times, own), (times, asked) = self.own(x).chunk(2, -1), self.asked(asked)[:, None].chunk(2, -1)
        return self.relate(lies * (1 + own_times + times) + own + asked)


def word_distances(n: int) -> Float[Tensor, "n n 10"]:
    """How word j lies to word i in the sentence: which side, how far, and the two nearest by name."""
    far = torch.arange(n)[None] - torch.arange(n)[:, None]
    near = [(far == d).float() for d in (-2, -1, 1, 2)]
    soft = [torch.tanh(far / 3), far / 16, (-far.abs() / 2).exp(), (-far.abs() / 6).exp(), (far > 0).float(), (far < 0).float()]
    return torch.stack([*near, *soft], -1)


class PointingHead(nn.Module):
    """Each proxy says whether it belongs to what the phrase means, and where that object's box would be."""

    def __init__(self, width: int):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1 + 6))

    def forward(self, fused: Float[Tensor, "Q K W"], xyz_room_m: Float[Tensor, "#Q K 3"]) -> tuple[Float[Tensor, "Q K"], Float[Tensor, "Q K 6"]]:
        """Logits, and boxes (centre, size) in metres along the room's axes."""
        score, offset, size = self.net(fused).split([1, 3, 3], -1)
        return score[..., 0], torch.cat([xyz_room_m + offset, (size.clamp(-4, 2)).exp()], -1)


class GatedCrossAttention(nn.Module):
    """h <- h + tanh(gate) Attention(h, memory); the gate starts at 0, so the language model starts as it was.

    Flamingo (Alayrac et al. 2022, arXiv 2204.14198, section 2.2), with queries, keys and values in the narrow width.
    """

    def __init__(self, host_dim: int, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(host_dim)
        self.query, self.key_value, self.out = nn.Linear(host_dim, width), nn.Linear(width, 2 * width), nn.Linear(width, host_dim)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, hidden: Float[Tensor, "Q n E"], memory: Float[Tensor, "Q m W"]) -> Float[Tensor, "Q n E"]:
        """What is to be added to the hidden states."""
        q_count, n, _ = hidden.shape
        q = self.query(self.norm(hidden)).view(q_count, n, self.heads, -1).transpose(1, 2)
        k, v = self.key_value(memory).view(q_count, memory.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v)
        return self.gate.tanh() * self.out(seen.transpose(1, 2).reshape(q_count, n, -1))
