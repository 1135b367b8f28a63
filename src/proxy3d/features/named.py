"""What NAME and NAME:WEIGHTS mean on the command line, for everything that looks at frames."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from proxy3d.errors import BadInput

OPTIONAL = "optional"  # takes_weights of a component that has weights and takes others


def known(registry: dict, name: str, what: str) -> type:
    """A component by its name.

    Raises:
        BadInput: lists the names that are known.
    """
    if name not in registry:
        raise BadInput(f"no {what} is called {name!r}; known: {', '.join(sorted(registry))}")
    return registry[name]


def chosen(registry: dict, named: str, flag: str, what: str) -> Callable[[], object]:
    """What builds the component that NAME or NAME:WEIGHTS means; nothing is loaded before it is called.

    Raises:
        BadInput: no such name, or weights where none are taken or none where they are.
    """
    name, colon, weights = named.partition(":")
    kind = known(registry, name, what)
    if (kind.takes_weights is True or colon) and kind.takes_weights and not weights:
        raise BadInput(f"{flag} {named}: say which weights, as a folder or a name on the Hugging Face hub, for example {name}:{kind.example}")
    if colon and not kind.takes_weights:
        raise BadInput(f"{flag} {named}: {name} takes no weights; type {flag} {name}")
    return partial(kind, weights) if colon else kind
