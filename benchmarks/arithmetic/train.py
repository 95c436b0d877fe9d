"""Trains a stand-in from nothing: `python -m benchmarks.arithmetic.train policy|verifier`.

Both commands end by writing a Hugging Face checkpoint (weights, tokenizer, chat template). The
verifier starts from the weights of a trained policy and learns to judge that policy's samples.
"""

import random
import sys
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
)
from benchmarks.arithmetic.problems import problems
from benchmarks.arithmetic.sampling import sample_solutions
from benchmarks.arithmetic.splits import held_out_keys, read_split
from benchmarks.arithmetic.training import judging, make, name_special_tokens, parser, solving
from benchmarks.arithmetic.vocabulary import build_tokenizer

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

    def solved(model: Any, temperature: float) -> list[bool]:
        solutions = sample_solutions(model, tokenizer, watched, temperature, seed)
        return [is_solved(problem, steps) for problem, steps in solutions]

    learn(model, batches(tokenizer, lessons, schedule.tokens, seed), schedule, solving(solved))
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
    stream = batches(tokenizer, lessons, schedule.tokens, seed)
    learn(model, stream, schedule, judging(tokenizer, judged))
    return model


def main(arguments: list[str] | None = None) -> int:
    """Trains and saves one checkpoint."""
    asked = parser("benchmarks.arithmetic.train")
    asked.add_argument("--policy", type=Path, default=HOME / "policy",
                       help="policy checkpoint that the verifier starts from")  # fmt: skip
    asked.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    asked.add_argument("--slip-rate", type=float, default=SLIP_RATE,
                       help="policy: mean share of wrong steps in its training")  # fmt: skip
    options = asked.parse_args(arguments)
    seed, device = options.seed, options.device
    roles = {
        "policy": (POLICY, lambda plan: train_policy(plan, seed, device, options.slip_rate)),
        "verifier": (VERIFIER, lambda plan: train_verifier(plan, seed, device, options.policy)),
    }
    return make(options, HOME, roles, build_tokenizer)


if __name__ == "__main__":
    sys.exit(main())
