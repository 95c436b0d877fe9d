"""Particle filtering over steps, weighted by the verifier (Puri et al. 2025, 2502.01618)."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Literal

from search.aggregation import MissingRule, Scale
from search.budget import Budget, Exhausted
from search.candidates import Steering, grow_candidates, root
from search.checks import check_above_zero, check_choice, check_count, check_number
from search.core import (
    Candidate,
    Missing,
    Prefix,
    Problem,
    Score,
)
from search.questions import Flow, Question
from search.seeds import call_seed
from search.strategies.offspring import grow_uneven, softmax
from search.strategies.pruning import reached, result
from search.strategies.resampling import RESAMPLINGS, effective_sample_size
from search.strategies.steered import Steered

Resampling = Literal["multinomial", "systematic", "stratified"]


@dataclass(frozen=True)
class Particles(Steered):
    """`particles` paths that grow step by step and are resampled by weight between the steps.

    A weight is softmax(logit(p) / `temperature`), p the probability of the whole prefix (an
    aggregate on the log-odds scale is taken as it is). Weights do not add up over the steps: p
    speaks of all of them.

    A finished particle keeps its weight, takes part in each resampling and is never extended; its
    copies are one candidate, so that they do not vote twice. One that was cut or has no score has
    no weight beside one that has.
    """

    widths: ClassVar = ("particles",)
    particles: int = 16
    """How many paths grow side by side."""
    resampling: Resampling = "multinomial"
    """How the next particles are drawn by weight: each on its own (`multinomial`), at even
    distances from one random start (`systematic`), or one in each of as many equal parts
    (`stratified`)."""
    ess: float = 1.0
    """From 0 to 1: particles are resampled when their effective sample size is below `ess` ×
    `particles`. 1 does so at every step (the paper), 0 never."""
    temperature: float = 1.0
    """Divides the logit in a weight, above 0; the lower, the more the best particles are copied."""
    clip: float = 1e-7
    """How far p is kept from 0 and 1, 1e-12 to 0.1."""
    aggregate: str = "history.last"
    missing: MissingRule = MissingRule.WORST
    depth: int = 40
    """The most steps of a path."""
    seed: int = 0
    """Of the resampling; another one draws other copies from the same scores."""
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        check_count("particles", self.particles, 1)
        check_count("depth", self.depth, 1)
        check_number("ess", self.ess, 0.0, 1.0)
        check_above_zero("temperature", self.temperature)
        check_number("clip", self.clip, 1e-12, 0.1)
        check_choice("resampling", self.resampling, Resampling)
        Steering.of(self.aggregate, self.missing)

    @property
    def candidates(self) -> int:
        """How many candidates a search returns at most."""
        return self.particles

    @property
    def at_once(self) -> int:
        """All particles are in flight together."""
        return self.particles

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        return self.particles * self.depth

    def search(self, problem: Problem) -> Flow:
        """Grow all open particles by a step, resample, until none is open."""
        rng = Random(call_seed(self.seed, problem.id, "resampling"))
        given_up: dict[Prefix, str] = {}
        cloud: Sequence[Candidate] = ()
        with suppress(Exhausted):
            (cloud,) = yield from grow_candidates([root(problem)], self.particles)
            for _ in range(1, self.depth):
                if all(particle.path.stopped for particle in cloud):
                    break
                copies = self.copies(cloud, rng)
                grown = yield from _step(cloud, copies)
                for particle, count in zip(cloud, copies, strict=True):
                    if count == 0:
                        given_up[particle.path] = "not resampled"
                cloud = grown
        still_open = not all(particle.path.stopped for particle in cloud)
        limit = reached("depth", self.depth, still_open=still_open)
        return result(list(dict.fromkeys(cloud)), given_up, limit)

    def copies(self, cloud: Sequence[Candidate], rng: Random) -> list[int]:
        """How many copies of each particle go on; one of each where none is resampled."""
        weights = self.weights(cloud)
        if self.ess < 1.0 and effective_sample_size(weights) >= self.ess * len(cloud):
            return [1] * len(cloud)
        return RESAMPLINGS[self.resampling](weights, len(cloud), rng.random)

    def weights(self, cloud: Sequence[Candidate]) -> list[float]:
        """The share of each particle; they sum to 1."""
        return softmax([self.log_odds(particle) for particle in cloud], self.temperature)

    def log_odds(self, particle: Candidate) -> Score:
        """logit(p) of the particle; one that was cut has none, as it leads to no answer."""
        score = self.steering.score(particle)
        if particle.path.stopped and not particle.path.finished:
            return Missing("cut before its end")
        if isinstance(score, Missing) or self.steering.aggregator.scale is Scale.LOGIT:
            return score
        clipped = min(max(score, self.clip), 1.0 - self.clip)
        return math.log(clipped) - math.log1p(-clipped)


def _step(
    cloud: Sequence[Candidate], copies: Sequence[int]
) -> Generator[Question, Any, list[Candidate]]:
    """The next cloud: `copies[i]` children of an open particle, or copies of one that ended."""
    going = [
        (particle, count)
        for particle, count in zip(cloud, copies, strict=True)
        if not particle.path.stopped
    ]
    families = yield from grow_uneven([parent for parent, _ in going], [n for _, n in going])
    children = iter(families)
    following: list[Candidate] = []
    for particle, count in zip(cloud, copies, strict=True):
        following += [particle] * count if particle.path.stopped else next(children)
    return following
