"""Trains a model of the domain with levels: `python -m …levels.train policy|verifier`.

The policy learns from right solutions alone. The verifier starts from a policy's weights and learns
to judge made-up errors, then the samples of the trained policy too. The checkpoint is written at
every progress line, so that a run that is stopped leaves what it had.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.arithmetic.checker import is_solved
from benchmarks.arithmetic.corpus import Lesson, mixed
from benchmarks.arithmetic.learning import (
    Schedule,
    batches,
    learn,
    load_checkpoint,
    new_model,
    set_threads,
    wrong_probabilities,
)
from benchmarks.arithmetic.levels.lessons import (
    policy_lessons,
    sampled_lessons,
    synthetic_lessons,
    synthetic_solution,
    verifier_lesson,
)
from benchmarks.arithmetic.levels.muon import Muon
from benchmarks.arithmetic.levels.problems import LevelProblem, problems
from benchmarks.arithmetic.levels.splits import held_out_keys, read_split
from benchmarks.arithmetic.sampling import Solution, sample_solutions
from benchmarks.arithmetic.train import name_special_tokens, save
from benchmarks.arithmetic.vocabulary import build_tokenizer, save_tokenizer

HOME = Path(__file__).parent
POLICY = Schedule(steps=4900, tokens=2048, rate=3e-3)
VERIFIER = Schedule(steps=3000, tokens=3072, rate=2e-3)
THREADS = 1
"""Where other programs use the processor too, two threads wait for each other; one does not."""
POLICY_TOKENS = 256
"""The longest right solution has 241 tokens."""
ALONE = 12_288
"""The verifier's first lessons, on made-up errors alone: how to work a step out."""
SAMPLES = 4_000
"""Policy samples, of as many problems, that the verifier learns from after them."""
SAMPLED_SHARE = 0.5
"""Share of the later lessons that judge one of them."""
WATCHED = 50
EVERY = 300
"""Steps between two progress lines."""


def train_policy(schedule: Schedule, seed: int, out: Path, start: Path | None) -> Any:
    """Returns a policy trained on right solutions, from nothing or from the checkpoint `start`."""
    tokenizer = build_tokenizer("policy")
    model = load_checkpoint(start)[0].train() if start else new_model(tokenizer, seed)
    lessons = policy_lessons(seed, held_out_keys())
    watched = read_split("validation")[:WATCHED]

    def watch(model: Any) -> str:
        parts = []
        for name, temperature in (("pass@1", 1.0), ("greedy", 0.0)):
            solutions = draw(model, tokenizer, watched, temperature, seed)
            solved = sum(is_solved(problem, steps) for problem, steps in solutions)
            parts.append(f"{name} {solved / WATCHED:.2f}")
        return " ".join(parts)

    stream = batches(tokenizer, lessons, schedule.tokens, seed)
    learn(
        model, stream, schedule, keeping(watch, tokenizer, out), EVERY, Muon(model, schedule.rate)
    )
    return model


def draw(
    model: Any, tokenizer: Any, drawn: Sequence[LevelProblem], temperature: float, seed: int
) -> list[Solution]:
    """Returns one solution by the policy for each problem, in order."""
    return sample_solutions(model, tokenizer, drawn, temperature, seed, POLICY_TOKENS)


@dataclass(frozen=True)
class Judged:
    """What a verifier learns to judge: `alone` made-up lessons, then `samples` of `policy` too."""

    policy: Path
    samples: int
    alone: int


def train_verifier(schedule: Schedule, seed: int, out: Path, start: Path, what: Judged) -> Any:
    """Returns a verifier that learns from made-up errors, then from the policy's samples too.

    It begins with the weights of `start`, a policy: that can read a problem already.
    """
    tokenizer = build_tokenizer("verifier")
    model, _ = load_checkpoint(start)
    name_special_tokens(model, tokenizer)
    model.train()
    excluded = held_out_keys()

    def written() -> list[Solution]:
        print(f"sampling {what.samples} solutions of {what.policy}", flush=True)
        drawn = list(islice(problems(seed + 1, excluded), what.samples))
        return draw(*load_checkpoint(what.policy), drawn, 1.0, seed)

    rng = Random(seed)
    held_out = read_split("validation")[: 2 * WATCHED]
    judged = [verifier_lesson(each, synthetic_solution(rng, each)) for each in held_out]

    def watch(model: Any) -> str:
        wrong, right = wrong_probabilities(model, tokenizer, judged)
        return f"p(incorrect | wrong) {wrong:.3f} p(incorrect | right) {right:.3f}"

    lessons = verifier_lessons(seed, excluded, what.alone, written)
    stream = batches(tokenizer, lessons, schedule.tokens, seed)
    optimiser = Muon(model, schedule.rate)
    learn(model, stream, schedule, keeping(watch, tokenizer, out), EVERY, optimiser)
    return model


def verifier_lessons(
    seed: int, excluded: frozenset[str], alone: int, written: Callable[[], list[Solution]]
) -> Iterator[Lesson]:
    """Yields `alone` lessons on made-up errors, then more of them mixed with policy samples."""
    made_up = synthetic_lessons(seed + 2, excluded)
    yield from islice(made_up, alone)
    yield from mixed(seed, made_up, sampled_lessons(seed + 3, written()), SAMPLED_SHARE)


def keeping(watch: Callable[[Any], str], tokenizer: Any, out: Path) -> Callable[[Any], str]:
    """Returns `watch`, which also writes the checkpoint as it is then."""

    def watched(model: Any) -> str:
        model.save_pretrained(out)
        save_tokenizer(tokenizer, out)
        return watch(model)

    return watched


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Returns the parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arithmetic.levels.train")
    parser.add_argument("role", choices=("policy", "verifier"))
    parser.add_argument("--out", type=Path, help="checkpoint folder (default: beside this file)")
    parser.add_argument("--policy", type=Path, default=HOME / "policy",
                        help="policy whose samples the verifier learns to judge")  # fmt: skip
    parser.add_argument("--start", type=Path, help="checkpoint that training starts from (default: "
                        "for the policy nothing, for the verifier the policy)")  # fmt: skip
    parser.add_argument("--samples", type=int, default=SAMPLES,
                        help="policy samples that the verifier learns from")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", type=int, default=ALONE,
                        help="the verifier's lessons before the first sample")  # fmt: skip
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="optimiser steps")
    length.add_argument("--minutes", type=float, help="train by the clock: not reproducible")
    parser.add_argument("--rate", type=float, help="peak learning rate")
    parser.add_argument("--threads", type=int, default=THREADS, help="CPU threads")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Trains and saves one checkpoint."""
    options = parse(arguments)
    set_threads(options.threads)
    policy = options.role == "policy"
    schedule = POLICY if policy else VERIFIER
    schedule = replace(
        schedule,
        steps=options.steps or schedule.steps,
        rate=options.rate or schedule.rate,
        minutes=options.minutes,
    )
    out = options.out or HOME / options.role
    if policy:
        model = train_policy(schedule, options.seed, out, options.start)
    else:
        start = options.start or options.policy
        judged = Judged(options.policy, options.samples, options.alone)
        model = train_verifier(schedule, options.seed, out, start, judged)
    save(model, build_tokenizer(options.role), out)
    print(f"wrote {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
