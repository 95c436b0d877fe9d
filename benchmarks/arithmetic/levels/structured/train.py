"""Trains a structured model with levels: `python -m …levels.structured.train policy|verifier`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.arithmetic.learning import Schedule, batches, learn, widened
from benchmarks.arithmetic.levels.muon import Muon
from benchmarks.arithmetic.levels.splits import held_out_keys, read_split
from benchmarks.arithmetic.levels.structured.choices import offer
from benchmarks.arithmetic.levels.structured.lessons import policy_lessons
from benchmarks.arithmetic.levels.structured.sampling import draw
from benchmarks.arithmetic.levels.structured.vocabulary import build_structured_tokenizer
from benchmarks.arithmetic.levels.train import EVERY, THREADS, WATCHED, keeping
from benchmarks.arithmetic.training import make, name_special_tokens, parser, solving
from benchmarks.structured import option_answer

HOME = Path(__file__).parent
POLICY = Schedule(steps=4000, tokens=2048, rate=2.4e-3)


def train_policy(schedule: Schedule, seed: int, out: Path, start: Path) -> Any:
    """Returns a policy that starts from `start` and learns from right responses in sections."""
    tokenizer = build_structured_tokenizer("policy")
    model = widened(start, tokenizer, seed).train()
    name_special_tokens(model, tokenizer)
    asked = [offer(problem, seed) for problem in read_split("validation")[:WATCHED]]

    def solved(model: Any, temperature: float) -> list[bool]:
        return [
            str(option_answer(text, 0)) == str(choice.answer)
            for choice, text in draw(model, tokenizer, asked, temperature, seed)
        ]

    stream = batches(tokenizer, policy_lessons(seed, held_out_keys()), schedule.tokens, seed)
    watch = keeping(solving(solved), tokenizer, out)
    learn(model, stream, schedule, watch, EVERY, Muon(model, schedule.rate))
    return model


def main(arguments: list[str] | None = None) -> int:
    """Trains and saves one checkpoint."""
    asked = parser("benchmarks.arithmetic.levels.structured.train", THREADS)
    asked.add_argument("--start", type=Path, help="checkpoint that it starts from (default: the "
                       "policy with levels; for the verifier, its verifier)")  # fmt: skip
    given = asked.parse_args(arguments)
    out, start = given.out or HOME / given.role, given.start
    roles = {
        "policy": (
            POLICY,
            lambda plan: train_policy(plan, given.seed, out, start or HOME.parent / "policy"),
        ),
    }
    return make(given, HOME, roles, build_structured_tokenizer)


if __name__ == "__main__":
    sys.exit(main())
