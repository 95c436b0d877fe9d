"""Trains a structured stand-in: `python -m benchmarks.arithmetic.structured.train policy|verifier`.

The policy starts from the weights of the arithmetic policy: it can calculate, and learns the
sections. The verifier starts from the trained structured policy and learns to judge its responses.
Both commands write a Hugging Face checkpoint.
"""

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.arithmetic.corpus import Lesson, mixed
from benchmarks.arithmetic.learning import (
    Schedule,
    batches,
    learn,
    load_checkpoint,
    widened,
)
from benchmarks.arithmetic.problems import problems
from benchmarks.arithmetic.splits import held_out_keys, read_split
from benchmarks.arithmetic.structured.choices import offer
from benchmarks.arithmetic.structured.lessons import (
    RATES,
    Response,
    policy_lessons,
    read_steps,
    sampled_lessons,
    synthetic_lessons,
    synthetic_response,
    verifier_lesson,
)
from benchmarks.arithmetic.structured.sampling import sample_responses
from benchmarks.arithmetic.structured.vocabulary import build_structured_tokenizer
from benchmarks.arithmetic.training import judging, make, name_special_tokens, parser, solving
from benchmarks.structured import option_answer

HOME = Path(__file__).parent
POLICY = Schedule(steps=2400, tokens=4096, rate=2e-3)
VERIFIER = Schedule(steps=4500, tokens=2048, rate=1.5e-3)
SAMPLES = 4_000
"""Policy responses, to as many questions, that the verifier learns from."""
SAMPLED_SHARE = 0.5
"""Share of the verifier's lessons that judge one of them."""
WATCHED = 48


def train_policy(schedule: Schedule, seed: int, start: Path) -> Any:
    """Returns a policy that starts from the checkpoint `start` and learns to answer in sections."""
    tokenizer = build_structured_tokenizer("policy")
    model = widened(start, tokenizer, seed)
    lessons = policy_lessons(seed, held_out_keys(), RATES)
    asked = [offer(problem, seed) for problem in read_split("validation")[:WATCHED]]

    def solved(model: Any, temperature: float) -> list[bool]:
        texts = sample_responses(model, tokenizer, asked, temperature, seed)
        answers = [str(option_answer(text, 0)) for text in texts]
        return [said == str(each.answer) for said, each in zip(answers, asked, strict=True)]

    learn(model, batches(tokenizer, lessons, schedule.tokens, seed), schedule, solving(solved))
    return model


def train_verifier(schedule: Schedule, seed: int, start: Path) -> Any:
    """Returns a verifier that starts from the policy `start` and judges its responses too."""
    model, writer = load_checkpoint(start)
    excluded = held_out_keys()
    print(f"sampling {SAMPLES} responses of {start}", flush=True)
    drawn = [offer(problem, seed) for problem in islice(problems(seed + 1, excluded), SAMPLES)]
    responses = list(zip(drawn, sample_responses(model, writer, drawn, 1.0, seed), strict=True))
    held_out = [offer(problem, seed) for problem in read_split("validation")[: 2 * WATCHED]]
    watched = list(zip(held_out, sample_responses(model, writer, held_out, 1.0, seed), strict=True))
    rng = Random(seed)
    watched += [(choice, synthetic_response(rng, choice)) for choice in held_out]

    tokenizer = build_structured_tokenizer("verifier")
    name_special_tokens(model, tokenizer)
    lessons = mixed(
        seed,
        synthetic_lessons(seed + 2, excluded),
        sampled_lessons(seed + 3, responses),
        SAMPLED_SHARE,
    )
    stream = batches(tokenizer, lessons, schedule.tokens, seed)
    learn(model, stream, schedule, judging(tokenizer, lessons_on(watched)))
    return model


def lessons_on(responses: Sequence[Response]) -> list[Lesson]:
    """Returns the lessons that judge these responses."""
    steps = [(choice, read_steps(choice, text)) for choice, text in responses]
    return [verifier_lesson(choice, found) for choice, found in steps if found]


def main(arguments: list[str] | None = None) -> int:
    """Trains and saves one checkpoint."""
    asked = parser("benchmarks.arithmetic.structured.train")
    asked.add_argument("--start", type=Path, help="checkpoint that it starts from (default: the "
                       "arithmetic policy; for the verifier, the structured policy)")  # fmt: skip
    options = asked.parse_args(arguments)
    seed, start = options.seed, options.start
    roles = {
        "policy": (POLICY, lambda plan: train_policy(plan, seed, start or HOME.parent / "policy")),
        "verifier": (VERIFIER, lambda plan: train_verifier(plan, seed, start or HOME / "policy")),
    }
    return make(options, HOME, roles, build_structured_tokenizer)


if __name__ == "__main__":
    sys.exit(main())
