"""How long the caption scores of ScanQA's validation questions take, beside the public Java and Python scorers, in one run.

    pip install pycocoevalcap; python speed/scorers.py --data FOLDER_WITH_SCANQA -o scorers.speed.json

Predictions are made by a rule: every question gets the first answer of the next one. The two take turns, so that a busy machine slows both, and
what is compared is the median of their ratios, round by round; medians and quartiles of wall time are written too. *With Java*: tokenising and
BLEU-1..4, ROUGE-L and CIDEr, as a script does that scores a file once, with a new Java process for references and one for predictions. *Without*:
the same scores of the same tokens, no tokeniser on either side; then each score alone. Between rounds our caches are emptied. METEOR is in neither.
Python's garbage collector is on for both, as users have it; before each of them what the other left behind is collected off the clock.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import gc
import io
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from proxy3d.evaluation.benchmarks.scanqa import ScanQA
from proxy3d.evaluation.metrics import ptb as ptb_module
from proxy3d.evaluation.metrics.bleu import bleu
from proxy3d.evaluation.metrics.captions import caption_scores
from proxy3d.evaluation.metrics.cider import cider
from proxy3d.evaluation.metrics.ngrams import Ngrams
from proxy3d.evaluation.metrics.ptb import ptb
from proxy3d.evaluation.metrics.rouge_l import rouge_l
from proxy3d.evaluation.score import hashes
from proxy3d.training.recipes import machine

Corpus = tuple[list[str], list[list[str]]]


def tokenised(corpus: Corpus) -> Corpus:
    return [ptb(text) for text in corpus[0]], [[ptb(text) for text in own] for own in corpus[1]]


def java_tokens(corpus: Corpus) -> tuple[dict, dict]:
    """What a script with pycocoevalcap does: one Java process for the references, one for the predictions."""
    truth = PTBTokenizer().tokenize({n: [{"caption": text} for text in own] for n, own in enumerate(corpus[1])})
    return truth, PTBTokenizer().tokenize({n: [{"caption": text}] for n, text in enumerate(corpus[0])})


def as_theirs(corpus: Corpus) -> tuple[dict, dict]:
    return dict(enumerate(corpus[1])), {n: [text] for n, text in enumerate(corpus[0])}


def their_scores(truth: dict, said: dict) -> dict[str, float]:
    values = [*Bleu(4).compute_score(truth, said, verbose=0)[0], Rouge().compute_score(truth, said)[0], Cider().compute_score(truth, said)[0]]
    return dict(zip(("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr"), map(float, values), strict=True))


def our_scores(corpus: Corpus) -> dict[str, float]:
    found = caption_scores(*corpus)
    del found["METEOR"]
    return found


def ways(corpus: Corpus) -> dict[str, Callable[[], object]]:
    """Everything that is timed, by name; `ours` and `theirs` of each pair give the same figures."""
    tokens = tokenised(corpus)
    truth, said = as_theirs(tokens)
    word: Corpus = (["chair"], [["chair"]])
    return {
        "ours, text to scores": lambda: our_scores(tokenised(corpus)),
        "theirs, text to scores": lambda: their_scores(*java_tokens(corpus)),
        "ours, tokens to scores": lambda: our_scores(tokens),
        "theirs, tokens to scores": lambda: their_scores(truth, said),
        "two Java processes that tokenise one word": lambda: java_tokens(word),
        "ours, CIDEr alone": lambda: cider(Ngrams.of(*tokens)),
        "theirs, CIDEr alone": lambda: Cider().compute_score(truth, said),
        "ours, BLEU alone": lambda: bleu(Ngrams.of(*tokens)),
        "theirs, BLEU alone": lambda: Bleu(4).compute_score(truth, said, verbose=0),
        "ours, ROUGE-L alone": lambda: rouge_l(*tokens),
        "theirs, ROUGE-L alone": lambda: Rouge().compute_score(truth, said),
    }


def agreement(texts: list[str]) -> dict[str, int]:
    """On how many different sentences our tokeniser gives what the Java program gives."""
    texts = list(dict.fromkeys(texts))
    theirs = PTBTokenizer().tokenize({n: [{"caption": text}] for n, text in enumerate(texts)})
    return {"sentences": len(texts), "same": sum(theirs[n][0] == ptb(text) for n, text in enumerate(texts))}


def timed(corpus: Corpus, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each way in each round; the first round warms up and does not count."""
    spent: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, way in ways(corpus).items():
            ptb_module._chunk.cache_clear()
            gc.collect()
            started = time.perf_counter()
            way()
            if number:
                spent.setdefault(name, []).append((time.perf_counter() - started) * 1000)
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    return spent


def quartiles(values: list[float]) -> dict[str, float]:
    return dict(zip(("quartile_1", "median", "quartile_3"), statistics.quantiles(values, n=4), strict=True))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ScanQA_v1.0_val.json")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    if shutil.which("java") is None:
        parser.error("no java on the path: the public tokeniser cannot be timed")
    load, examples = os.getloadavg()[0], ScanQA().examples(options.data)
    answers = [e.truth.answers for e in examples]
    corpus: Corpus = ([answers[(n + 1) % len(answers)][0] for n in range(len(answers))], [list(own) for own in answers])
    with contextlib.redirect_stdout(io.StringIO()):  # the public scorers print as they go
        found, theirs = our_scores(tokenised(corpus)), their_scores(*java_tokens(corpus))
        tokens = agreement([text for e in examples for text in (e.prompt, *e.truth.answers)])
        times = timed(corpus, options.rounds)

    def ratio(what: str, less: str | None = None) -> float:
        java = times[less] if less else [0.0] * options.rounds
        pairs = zip(times[f"theirs, {what}"], java, times[f"ours, {what}"], strict=True)
        return round(statistics.median((theirs - less) / ours for theirs, less, ours in pairs), 2)

    result = {
        "what": "BLEU-1..4, ROUGE-L and CIDEr of ScanQA val, ours beside pycocoevalcap",
        "summary": {
            "cider_speedup_with_java_start": ratio("text to scores"),
            "cider_speedup_without": ratio("tokens to scores"),
            "speedup_tokenising_without_java_start": ratio("text to scores", less="two Java processes that tokenise one word"),
            **{f"speedup_{name}_alone": ratio(f"{name} alone") for name in ("CIDEr", "BLEU", "ROUGE-L")},
        },
        "milliseconds": {name: quartiles(values) for name, values in times.items()},
        "largest_difference": max(abs(found[name] - theirs[name]) for name in theirs),
        "tokeniser": tokens,
        "rounds": options.rounds,
        "items": len(examples),
        "garbage_collector": "on for both",
        "load_average": {"before": load, "after": os.getloadavg()[0]},
        "date": datetime.date.today().isoformat(),
        "inputs": hashes(options.data),
        **machine(),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["summary"] | {"largest_difference": result["largest_difference"]}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
