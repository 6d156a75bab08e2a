"""Everything that is bounded in memory made small, in this process and in those of agents.

A short run then shows what a long one would. Must not change what a run decides: the bounds of the pattern
index do, so both sides of a comparison need the same.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from unittest.mock import patch

import store.memory
import store.memory_cache
from agents import settled
from agents.experience import default_prototypes
from bus import keys
from simulator import incarnation
from simulator.importing import _imports
from store.memory import IndexLimits
from store.memory_cache import Growth

PROTOTYPE_COUNT = sum(len(group.messages) for group in default_prototypes().prototypes)
SETTLED_COUNT, KEPT_COUNT = 2, 4
COMMIT_EVENTS = 5
"""Of the commits with what a run begins with."""
GROWTH = Growth(vectors_min=2, vectors_max=4, share=1)
_AT_START = "from tests.torture.little_memory import {name}\n{name}({limits!r})\n"
"""What Python runs when the process of an agent begins."""


def drawn_limits(random: Random, pattern_count: int) -> IndexLimits:
    """Most are near the number of patterns that there will be; ``pattern_count`` are there at the start."""
    if random.random() < 0.3:
        return IndexLimits()
    exact_count_max = max(PROTOTYPE_COUNT, pattern_count + random.choice((-20, -4, -1, 0, 1, 2)))
    return IndexLimits(
        exact_count_max=exact_count_max,
        exact_again_count=random.choice((8, exact_count_max)),
        recent_count_max=random.choice((1, 2, 4, 16, 512)),
        dead_count_min=random.choice((0, 0, 1, 64)),
    )


def make_little(limits: tuple[int, ...]) -> None:
    """For good: only for the process of an agent, as it begins."""
    _enter(ExitStack(), IndexLimits(*limits))


@contextmanager
def little_memory(limits: IndexLimits, scratch: Path) -> Iterator[None]:
    """Nothing is remembered longer than it has to be. Agents find that in ``scratch``, a new folder."""
    scratch.mkdir()
    at_start = _AT_START.format(name=make_little.__name__, limits=tuple(limits))
    (scratch / "sitecustomize.py").write_text(at_start)
    paths = [str(scratch), *filter(None, [os.environ.get("PYTHONPATH")])]
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, PYTHONPATH=os.pathsep.join(paths)))
        stack.callback(_imports.cache_clear)
        _imports.cache_clear()
        _enter(stack, limits)
        stack.enter_context(patch.object(incarnation, "COMMIT_EVENTS_MAX", COMMIT_EVENTS))
        yield


def _enter(stack: ExitStack, limits: IndexLimits) -> None:
    for module, name, value in (
        (settled, "SETTLED_KEYS_MAX", SETTLED_COUNT),
        (keys, "SETTLED_KEPT_MAX", KEPT_COUNT),
        (store.memory, "IndexLimits", lambda: limits),
        (store.memory_cache, "Growth", lambda: GROWTH),
    ):
        stack.enter_context(patch.object(module, name, value))
