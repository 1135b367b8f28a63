"""What several of the contract tests share."""

from __future__ import annotations

import pytest
from tiny_pretrained import WEIGHTS_OF, save_tiny


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    """The folder with random weights of some form, made when it is first asked for."""
    ready = {}

    def folder(form: str) -> str:
        if form not in ready:
            ready[form] = str(save_tiny(WEIGHTS_OF[form][1], tmp_path_factory.mktemp(form)))
        return ready[form]

    return folder
