"""Trains a stand-in from nothing: `python -m benchmarks.arithmetic.train policy|verifier`.

Both commands end by writing a Hugging Face checkpoint (weights, tokenizer, chat template). The
verifier starts from the weights of a trained policy and learns to judge that policy's samples.
"""

import argparse
import random
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.arithmetic.checker import is_solved
from benchmarks.arithmetic.corpus import (
    SLIP_RATE,
    mixed,
    policy_lessons,
    sampled_lessons,
    synthetic_lessons,
    synthetic_solution,
    verifier_lesson,
)
from benchmarks.arithmetic.learning import (
    Schedule,
    batches,
    learn,
    load_checkpoint,
    new_model,
    set_threads,
    wrong_probabilities,
)
from benchmarks.arithmetic.problems import problems
from benchmarks.arithmetic.sampling import sample_solutions
from benchmarks.arithmetic.splits import held_out_keys, read_split
from benchmarks.arithmetic.vocabulary import build_tokenizer, save_tokenizer

HOME = Path(__file__).parent
POLICY = Schedule(steps=2000, tokens=4096, rate=3e-3)
VERIFIER = Schedule(steps=4500, tokens=2048, rate=1.5e-3)
SAMPLES = 6_000
"""Policy samples, of as many problems, that the verifier learns from."""
SAMPLED_SHARE = 0.5
"""Share of the verifier's lessons that judge a sample of the policy."""
WATCHED = 48


def train_policy(schedule: Schedule, seed: int, device: str, slip_rate: float) -> Any:
    """Returns a policy trained from nothing on solutions that slip at `slip_rate` per step."""
    tokenizer = build_tokenizer("policy")
    model = new_model(tokenizer, seed).to(device)
    lessons = policy_lessons(seed, held_out_keys(), slip_rate)
    watched = read_split("validation")[:WATCHED]

    def watch(model: Any) -> str:
        parts = []
        for name, temperature in (("pass@1", 1.0), ("greedy", 0.0)):
            solutions = sample_solutions(model, tokenizer, watched, temperature, seed)
            solved = sum(is_solved(problem, steps) for problem, steps in solutions)
            parts.append(f"{name} {solved / WATCHED:.2f}")
        return " ".join(parts)

    learn(model, batches(tokenizer, lessons, schedule.tokens, seed), schedule, watch)
    return model


def train_verifier(schedule: Schedule, seed: int, device: str, policy: Path) -> Any:
    """Returns a verifier that starts from the policy's weights and judges its samples too."""
    model, writer = load_checkpoint(policy)
    model.to(device)
    excluded = held_out_keys()
    drawn = list(islice(problems(seed + 1, excluded), SAMPLES))
    print(f"sampling {SAMPLES} solutions of {policy}", flush=True)
    samples = sample_solutions(model, writer, drawn, 1.0, seed)
    held_out = read_split("validation")[: 2 * WATCHED]
    watched = sample_solutions(model, writer, held_out, 1.0, seed)
    rng = random.Random(seed)
    watched += [(problem, synthetic_solution(rng, problem)) for problem in held_out]

    tokenizer = build_tokenizer("verifier")
    name_special_tokens(model, tokenizer)
    lessons = mixed(
        seed,
        synthetic_lessons(seed + 2, excluded),
        sampled_lessons(seed + 3, samples),
        SAMPLED_SHARE,
    )
    judged = [verifier_lesson(problem, steps) for problem, steps in watched if steps]

    def watch(model: Any) -> str:
        wrong, right = wrong_probabilities(model, tokenizer, judged)
        return f"p(incorrect | wrong) {wrong:.3f} p(incorrect | right) {right:.3f}"

    learn(model, batches(tokenizer, lessons, schedule.tokens, seed), schedule, watch)
    return model


def name_special_tokens(model: Any, tokenizer: Any) -> None:
    """Makes the model's configuration name this tokenizer's special tokens."""
    for config in (model.config, model.generation_config):
        config.bos_token_id = tokenizer.bos_token_id
        config.eos_token_id = tokenizer.eos_token_id
        config.pad_token_id = tokenizer.pad_token_id


def save(model: Any, tokenizer: Any, directory: Path) -> None:
    """Writes a Hugging Face checkpoint: weights and configuration, tokenizer, chat template."""
    model.cpu().save_pretrained(directory)
    (directory / "model.safetensors").chmod(0o644)
    save_tokenizer(tokenizer, directory)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Returns the parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arithmetic.train")
    parser.add_argument("role", choices=("policy", "verifier"))
    parser.add_argument("--out", type=Path, help="checkpoint folder (default: beside this file)")
    parser.add_argument("--policy", type=Path, default=HOME / "policy",
                        help="policy checkpoint that the verifier starts from")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="optimiser steps")
    length.add_argument("--minutes", type=float, help="train by the clock: not reproducible")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, help="CPU threads (default: PyTorch's choice)")
    parser.add_argument("--slip-rate", type=float, default=SLIP_RATE,
                        help="policy: mean share of wrong steps in its training")  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Trains and saves one checkpoint."""
    options = parse(arguments)
    if options.threads:
        set_threads(options.threads)
    schedule = POLICY if options.role == "policy" else VERIFIER
    schedule = replace(schedule, steps=options.steps or schedule.steps, minutes=options.minutes)
    if options.role == "policy":
        model = train_policy(schedule, options.seed, options.device, options.slip_rate)
    else:
        model = train_verifier(schedule, options.seed, options.device, options.policy)
    out = options.out or HOME / options.role
    save(model, build_tokenizer(options.role), out)
    print(f"wrote {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
