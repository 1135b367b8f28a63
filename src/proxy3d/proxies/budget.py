"""Share K proxies among groups: in proportion, with a floor, adding up exactly."""

from __future__ import annotations

from collections.abc import Sequence

from proxy3d.errors import BadInput


def shared(sizes: Sequence[int], total: int, *, floor: int = 2) -> list[int]:
    """How many of `total` proxies each group of `sizes` points gets (method.md 3.4); adds up to min(total, points) exactly.

    Every group starts with `floor` (less where there are not enough proxies for that: total // groups), the rest goes in
    proportion to size by largest remainder, nobody gets more proxies than it has points, and what that frees is shared again.
    Ties go to the earlier group.

    >>> shared([900, 80, 15, 5], 32)
    [24, 4, 2, 2]

    Raises:
        BadInput: an empty group, or more groups than proxies (merge the nearest ones first: `group.at_most`).
    """
    if not sizes or min(sizes) < 1:
        raise BadInput(f"groups of {list(sizes)} points: expected at least one group, and at least one point in each")
    if len(sizes) > total:
        raise BadInput(f"{total} proxies for {len(sizes)} groups: expected at least one proxy for each group")
    total = min(total, sum(sizes))
    given = [min(size, min(floor, total // len(sizes))) for size in sizes]
    while (left := total - sum(given)) > 0:
        wanting = [i for i, size in enumerate(sizes) if given[i] < size]
        whole = sum(sizes[i] for i in wanting)
        # Whole numbers throughout: a remainder must not depend on how a fraction was rounded.
        part = {i: divmod(left * sizes[i], whole) for i in wanting}
        extra = {i: quotient for i, (quotient, _) in part.items()}
        for i in sorted(wanting, key=lambda i: (-part[i][1], i))[: left - sum(extra.values())]:
            extra[i] += 1
        for i in wanting:
            given[i] += min(extra[i], sizes[i] - given[i])
    return given
