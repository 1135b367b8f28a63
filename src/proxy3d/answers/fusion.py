"""Let a question pick the proxies that matter: its words find their proxies, both reason together, then proxies point and layers above read them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from proxy3d.tokens.position import PAIR_DIM, pair_numbers
from proxy3d.tokens.project import Attend, Feed, with_viewer

ANCHORS = 3  # things that a question may measure from at once
VERDICTS = ("", "yes", "no")  # what an answer may begin with although the question does not say it; first: any other word


@dataclass(frozen=True)
class Fused:
    """A scene in the light of Q questions of up to n words."""

    scene: Float[Tensor, "Q 1+K W"]
    match: Float[Tensor, "Q n K"]  # logit that a word names what a proxy is part of
    chosen: Float[Tensor, "Q 3+n"]  # log share of the answer: a word of its own, yes, no, or one that begins with word i of the question

    def rows(self, index: list[int]) -> Fused:
        """Some of the questions."""
        return Fused(self.scene[index], self.match[index], self.chosen[index])


class Fusion(nn.Module):
    """Words look for the proxies they name, take in where those are, and then words and proxies attend to each other.

    The brief's "cross-modal attention from text picks the proxies that matter" (method.md 1.6), in two steps: a match that can
    be taught what each noun means, and joint layers in which "left of" and "nearest" are worked out between matched words, each
    standing where its proxies' objects are. Before those layers everything is told how it lies to the things that the question
    names: the distance of two chairs to a lamp then differs at sight, instead of after two rounds of attention. Doing it in a narrow
    network beside the language model keeps it cheap: some 50 tokens of width 256 instead of 576. The answer may begin with a word
    of the question (a pointer network, Vinyals et al. 2015, arXiv 1506.03134): "the lamp or the plant?" asks for no other word.
    """

    def __init__(self, text_dim: int, width: int, layers: int, heads: int):
        super().__init__()
        self.text = nn.Sequential(nn.LayerNorm(text_dim), nn.Linear(text_dim, width), Feed(width))
        self.read, self.read_feed = Attend(width, heads), Feed(width)  # the language model only looks back; a noun needs what follows it too
        self.named, self.looks, self.doubt = nn.Linear(width, width), nn.Linear(width, width), nn.Parameter(torch.tensor(-3.0))
        self.to_word, self.to_proxy, self.found = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(2, width)
        self.word_mark = nn.Parameter(torch.zeros(width))
        self.anchor = nn.Linear(width, ANCHORS)
        self.place, self.own, self.asked = nn.Linear(ANCHORS * PAIR_DIM, width), nn.Linear(width, 2 * width), nn.Linear(width, 2 * width)
        self.relate = nn.Sequential(nn.GELU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(nn.ModuleList([Attend(width, heads), Feed(width)]) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.norm_early, self.judge = nn.LayerNorm(width), nn.Linear(width, 2)
        self.verdict, self.choose = nn.Linear(3 * width, len(VERDICTS)), nn.Linear(2 * width, 1)

    def forward(
        self,
        tokens: Float[Tensor, "1+K W"],
        box: Float[Tensor, "K 6"],
        viewer: Float[Tensor, "4"],
        text: Float[Tensor, "Q n E"],
        is_word: Bool[Tensor, "Q n"],
    ) -> Fused:
        """`box` is where each proxy's object is (centre, size; room frame); each question has at least one word."""
        count, n = is_word.shape
        closed = torch.zeros(is_word.shape).masked_fill(~is_word, -torch.inf)[:, None, None]
        words = self.read_feed(self.read(self.text(text), text.new_zeros(1, n, n, PAIR_DIM), closed))
        match = self.named(words) @ self.looks(tokens[1:]).T / words.shape[-1] ** 0.5 + self.doubt
        share = match.sigmoid() * is_word[..., None]
        scene, words = self._exchange(tokens.expand(count, -1, -1), words, match, share)
        centre, size = with_viewer(box[:, :3], box[:, 3:], viewer)
        of_words = share / (share.sum(-1, keepdim=True) + 1e-3)
        centre, size = (torch.cat([at.expand(count, -1, -1), of_words @ at[1:]], 1) for at in (centre, size))
        pairs, closed = pair_numbers(centre, size, viewer), F.pad(closed, (len(tokens), 0))
        x = torch.cat([scene, words + self.word_mark], 1)
        names = match.amax(-1).sigmoid() * is_word
        x = x + self._lie(x, words, names, is_word, pairs[:, len(tokens) :])
        early = self.norm_early(x[:, len(tokens) :])
        for attend, feed in self.layers:
            x = feed(attend(x, pairs, closed))
        x = self.norm(x)
        return Fused(x[:, : len(tokens)], match, self._choose(x[:, 0], x[:, len(tokens) :], early, words, names, is_word))

    def _exchange(self, scene: Tensor, words: Tensor, match: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """Words take in the mean of their proxies and how sure they are of them; proxies take in the words that name them."""
        seen = share @ self.to_word(scene[:, 1:]) / (share.sum(-1, keepdim=True) + 0.1)
        sure = torch.stack([match.amax(-1) / 4, share.sum(-1).log1p()], -1)
        told = share.transpose(1, 2) @ self.to_proxy(words) / (share.sum(1)[..., None] + 1)
        return torch.cat([scene[:, :1], scene[:, 1:] + told], 1), words + seen + self.found(sure)

    def _lie(self, x: Tensor, words: Tensor, names: Tensor, is_word: Tensor, pairs: Tensor) -> Tensor:
        """What it means, to this question, how each token lies to the named things: `pairs` (Q, n, 1+K+n, 10) from each word to everything.

        The question multiplies what it asks about (FiLM, Perez et al. 2018, arXiv 1709.07871): "left" and "right" turn one sign round,
        which a sum would have to learn as an exclusive or.
        """
        role = attention(self.anchor(words), names, is_word)
        lies = self.place(torch.einsum("qwa,qwtp->qtap", role, pairs).flatten(2))
        last = words[torch.arange(len(words)), is_word.sum(1) - 1]  # the last word has heard the whole question
        (own_times, own), (times, asked) = self.own(x).chunk(2, -1), self.asked(last)[:, None].chunk(2, -1)
        return self.relate(lies * (1 + own_times + times) + own + asked)

    def _choose(self, viewer: Tensor, words_late: Tensor, words_early: Tensor, words: Tensor, names: Tensor, is_word: Tensor) -> Tensor:
        """Log shares of what the answer begins with, from what is known before and after the joint layers."""
        role = self.judge(words)
        roles = torch.cat([attention(role[..., :1], names, is_word), attention(role[..., 1:], torch.ones_like(names), is_word)], -1)
        judged = (roles.transpose(1, 2) @ words_early).flatten(1)
        word = self.choose(torch.cat([words_early, words_late], -1))[..., 0].masked_fill(~is_word, -torch.inf)
        return torch.cat([self.verdict(torch.cat([judged, viewer], -1)), word], -1).log_softmax(-1)


def attention(role: Float[Tensor, "Q n A"], names: Float[Tensor, "Q n"], is_word: Bool[Tensor, "Q n"]) -> Float[Tensor, "Q n A"]:
    """Shares over words by their role in the question, as far as they name anything: what names nothing has no place to measure from."""
    return (role + (names + 1e-3).log()[..., None]).masked_fill(~is_word[..., None], -torch.inf).softmax(1)


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
