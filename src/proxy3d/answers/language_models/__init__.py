"""Language models behind one contract: a name maps to a function that returns a frozen, opened-up host with its tokenizer."""

from proxy3d.answers.language_models.smollm2 import smollm2
from proxy3d.answers.language_models.tiny import tiny

LANGUAGE_MODELS = {"smollm2": smollm2, "tiny": tiny}
