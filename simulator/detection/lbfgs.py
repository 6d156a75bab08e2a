"""Finds the least value of a smooth function. Must not know what the function is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
ITERATION_COUNT_MAX = 150
MEMORY = 10
"""Earlier steps that shape the next one."""
PROGRESS_MIN = 1e-5
"""A step that lowers the value by a smaller share of it is the last."""
_STEP_MIN = 1e-8
_SUFFICIENT_DECREASE = 1e-4
_CURVATURE_MIN = 1e-12


class Point(NamedTuple):
    at: Vector
    value: float
    gradient: Vector


class _Step(NamedTuple):
    move: Vector
    change: Vector
    """Of the gradient."""
    curvature: float


def minimise(function: Callable[[Vector], tuple[float, Vector]], start: Vector) -> Vector:
    """L-BFGS with backtracking: Nocedal and Wright, Numerical Optimization, algorithms 7.4, 7.5 and 3.1.

    ``function`` returns its value and its gradient.
    """
    point = Point(start, *function(start))
    steps: list[_Step] = []
    for _ in range(ITERATION_COUNT_MAX):
        found = _line_search(function, point, _direction(point.gradient, steps), is_first=not steps)
        step = _step(point, found)
        if step.curvature > _CURVATURE_MIN:
            steps = [*steps[-(MEMORY - 1) :], step]
        is_done = point.value - found.value < PROGRESS_MIN * abs(point.value)
        point = found
        if is_done:
            break
    return point.at


def _dot(a: Vector, b: Vector) -> float:
    # Not a @ b: that goes to a library of the machine, which adds in an order of its own.
    return float((a * b).sum())


def _step(before: Point, after: Point) -> _Step:
    move, change = after.at - before.at, after.gradient - before.gradient
    return _Step(move, change, _dot(move, change))


def _direction(gradient: Vector, steps: list[_Step]) -> Vector:
    """Downhill, bent by the curvature that the last steps met."""
    direction = gradient.copy()
    shares = []
    for step in reversed(steps):
        share = _dot(step.move, direction) / step.curvature
        shares.append(share)
        direction -= share * step.change
    if steps:
        direction *= steps[-1].curvature / _dot(steps[-1].change, steps[-1].change)
    for step, share in zip(steps, reversed(shares), strict=True):
        direction += step.move * (share - _dot(step.change, direction) / step.curvature)
    return direction


def _line_search(
    function: Callable[[Vector], tuple[float, Vector]], point: Point, direction: Vector, *, is_first: bool
) -> Point:
    length = 1.0 / max(1.0, float(np.abs(point.gradient).sum())) if is_first else 1.0
    slope = -_dot(point.gradient, direction)
    while True:
        at = point.at - length * direction
        trial = Point(at, *function(at))
        if trial.value <= point.value + _SUFFICIENT_DECREASE * length * slope or length < _STEP_MIN:
            return trial
        length /= 2
