"""Language models behind two contracts: opened-up hosts with weights of their own, and published models from a folder or the hub.

`LANGUAGE_MODELS`: a name maps to a function that returns a frozen, opened-up host with its tokenizer. `PUBLISHED`: a name is typed as
NAME:FOLDER and maps to what loads that folder; those are read through their embeddings alone.
"""

from proxy3d.answers.language_models.published import PUBLISHED
from proxy3d.answers.language_models.smollm2 import smollm2
from proxy3d.answers.language_models.tiny import tiny

LANGUAGE_MODELS = {"smollm2": smollm2, "tiny": tiny}

__all__ = ["LANGUAGE_MODELS", "PUBLISHED"]
