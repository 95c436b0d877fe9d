"""Trains a structured stand-in: `python -m benchmarks.arithmetic.structured.train policy|verifier`.

The policy starts from the weights of the plain policy: it can calculate, and learns the sections
from right responses alone. The verifier starts from the weights of the plain verifier: it reads
problems and works claims out, and learns to read sections, then to judge them, responses of the
policy among them.
The checkpoint is written at every progress line; `--resume` goes on from there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.arithmetic.learning import Schedule, batches, learn, load_checkpoint, widened
from benchmarks.arithmetic.muon import Muon
from benchmarks.arithmetic.problems import problems
from benchmarks.arithmetic.splits import held_out_keys, read_split
from benchmarks.arithmetic.structured.choices import offer
from benchmarks.arithmetic.structured.evaluate import TEMPERATURE, verifier_scores
from benchmarks.arithmetic.structured.lessons import policy_lessons, verifier_lessons
from benchmarks.arithmetic.structured.responses import Response
from benchmarks.arithmetic.structured.sampling import draw, judge
from benchmarks.arithmetic.structured.vocabulary import build_structured_tokenizer
from benchmarks.arithmetic.train import EVERY, THREADS, WATCHED, keeping
from benchmarks.arithmetic.training import make, name_special_tokens, parser, rarely, solving
from benchmarks.structured import option_answer

HOME = Path(__file__).parent
POLICY = Schedule(steps=12_000, tokens=1536, rate=1.8e-3)
VERIFIER = Schedule(steps=10_000, tokens=2048, rate=1.8e-3)
JUDGED_EVERY = 3
"""Lines between two with the verifier's figures: about six minutes."""
SAMPLES = 4_000
"""Policy responses, to as many questions, that the verifier learns from."""


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
    learn(model, stream, schedule, watch, EVERY, Muon(model, schedule.rate), out)
    return model


def train_verifier(
    schedule: Schedule, seed: int, out: Path, start: Path, policy: Path, samples: int
) -> Any:
    """Returns a verifier that starts from the checkpoint `start`.

    It learns to judge `samples` responses of `policy` too.
    """
    tokenizer = build_structured_tokenizer("verifier")
    model = widened(start, tokenizer, seed).train()
    name_special_tokens(model, tokenizer)
    excluded = held_out_keys()
    writer = load_checkpoint(policy)

    def written() -> Sequence[Response]:
        print(f"sampling {samples} responses of {policy}", flush=True)
        drawn = [offer(problem, seed) for problem in islice(problems(seed + 1, excluded), samples)]
        return draw(*writer, drawn, TEMPERATURE, seed)

    held_out = [offer(problem, seed) for problem in read_split("validation")[:WATCHED]]
    watched = draw(*writer, held_out, TEMPERATURE, seed)

    def watch(model: Any) -> str:
        figures = verifier_scores(watched, judge(model, tokenizer, watched))
        return f"step F1 {figures['step_f1']:.2f} unreadable {figures['unreadable']:.2f}"

    lessons = verifier_lessons(seed, excluded, written)
    stream = batches(tokenizer, lessons, schedule.tokens, seed)
    kept = keeping(rarely(watch, JUDGED_EVERY), tokenizer, out)
    learn(model, stream, schedule, kept, EVERY, Muon(model, schedule.rate), out)
    return model


def main(arguments: list[str] | None = None) -> int:
    """Trains and saves one checkpoint."""
    asked = parser("benchmarks.arithmetic.structured.train", THREADS)
    asked.add_argument("--start", type=Path, help="checkpoint that it starts from (default: the "
                       "plain policy; for the verifier, the plain verifier)")  # fmt: skip
    asked.add_argument("--policy", type=Path, default=HOME / "policy",
                       help="policy whose responses the verifier learns to judge")  # fmt: skip
    asked.add_argument("--samples", type=int, default=SAMPLES,
                       help="policy responses that the verifier learns from")  # fmt: skip
    given = asked.parse_args(arguments)
    seed, out = given.seed, given.out or HOME / given.role
    start = given.start or HOME.parent / given.role
    roles = {
        "policy": (POLICY, lambda plan: train_policy(plan, seed, out, start)),
        "verifier": (
            VERIFIER,
            lambda plan: train_verifier(plan, seed, out, start, given.policy, given.samples),
        ),
    }
    return make(given, HOME, roles, build_structured_tokenizer)


if __name__ == "__main__":
    sys.exit(main())
