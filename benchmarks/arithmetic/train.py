"""Trains a model of the domain: `python -m benchmarks.arithmetic.train policy|verifier|reward`.

The policy learns from right solutions alone. The verifier starts from a policy's weights and learns
to work a claim out, to quote the claims in its prompt, then to judge solutions, samples of the
policy among them. The process reward model learns to say at a glance which step is wrong. The
checkpoint is written at every progress line, so that a run that is stopped
leaves what it had; `--resume` goes on with it, and learns what it would have learned.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.arithmetic.checker import is_solved
from benchmarks.arithmetic.critique import build_verifier_tokenizer
from benchmarks.arithmetic.judging import judge
from benchmarks.arithmetic.learning import (
    Schedule,
    batches,
    kept,
    learn,
    load_checkpoint,
    new_model,
    widened,
)
from benchmarks.arithmetic.lessons import (
    POLISH,
    STAGES,
    Stage,
    policy_lessons,
    verifier_lessons,
)
from benchmarks.arithmetic.muon import Muon
from benchmarks.arithmetic.problems import problems
from benchmarks.arithmetic.reward import (
    ProcessRewardModel,
    build_reward_tokenizer,
    judge_steps,
    label_loss,
    reward_lessons,
)
from benchmarks.arithmetic.sampling import TEMPERATURE, Solution, draw
from benchmarks.arithmetic.scores import step_scores, whole_scores
from benchmarks.arithmetic.splits import held_out_keys, read_split
from benchmarks.arithmetic.training import (
    Watch,
    make,
    name_special_tokens,
    parser,
    rarely,
    save,
    solving,
)
from benchmarks.arithmetic.vocabulary import build_tokenizer

HOME = Path(__file__).parent
POLICY = Schedule(steps=8000, tokens=2048, rate=3e-3)
"""40 to 75 minutes of one core. Much longer, and it solves too much for a domain in which search is
to pay."""
VERIFIER = Schedule(steps=14_000, tokens=2048, rate=1.8e-3)
"""About 100 minutes of one core."""
REWARD = Schedule(steps=5000, tokens=2048, rate=1.8e-3)
TOKENIZERS: Mapping[str, Callable[[], Any]] = {
    "policy": lambda: build_tokenizer("policy"),
    "verifier": build_verifier_tokenizer,
    "reward": build_reward_tokenizer,
}
"""By role."""
POLISHES = ((0.3, 0.7), (0.4, 0.4))
"""How long and how fast the verifier then learns by `POLISH`, relative to the first part: twice, at
last slowly."""
THREADS = 1
"""Where other programs use the processor too, two threads wait for each other; one does not."""
LEARNED_TEMPERATURE = 1.3
"""Of the policy samples that the verifier learns from."""
SAMPLED = "samples.json"
"""The file in a checkpoint's folder with the policy's samples; gone when the run has ended."""
SAMPLES = 12_000
"""Policy samples, of as many problems, that the verifier learns from in its last stage."""
WATCHED = 50
EVERY = 300
"""Steps between two progress lines."""


def train_policy(schedule: Schedule, seed: int, out: Path, start: Path | None) -> Any:
    """Returns a policy trained on right solutions, from nothing or from the checkpoint `start`."""
    tokenizer = build_tokenizer("policy")
    model = load_checkpoint(start)[0].train() if start else new_model(tokenizer, seed)
    watched = read_split("validation")[:WATCHED]

    def solved(model: Any, temperature: float) -> list[bool]:
        solutions = draw(model, tokenizer, watched, temperature, seed)
        return [is_solved(problem, steps) for problem, steps in solutions]

    stream = batches(tokenizer, policy_lessons(seed, held_out_keys()), schedule.tokens, seed)
    watch = keeping(solving(solved), tokenizer, out)
    learn(model, stream, schedule, watch, EVERY, Muon(model, schedule.rate), out)
    return model


def train_verifier(
    schedule: Schedule, seed: int, out: Path, start: Path, policy: Path, samples: int
) -> Any:
    """Returns a verifier that begins with the weights of `start`, a policy or a verifier.

    It learns to judge `samples` samples of `policy` too.
    """
    tokenizer = build_verifier_tokenizer()
    model = widened(start, tokenizer, seed).train()
    name_special_tokens(model, tokenizer)
    excluded = held_out_keys()

    @cache
    def written() -> list[Solution]:
        return sampled(policy, seed, excluded, samples, out / SAMPLED)

    watched = draw(*load_checkpoint(policy), read_split("validation")[:WATCHED], TEMPERATURE, seed)

    def watch(model: Any) -> str:
        """Judges by chains that the model writes: the loss on given ones tells too little."""
        judged = list(zip(watched, judge(model, tokenizer, watched), strict=True))
        figures = step_scores(judged) | whole_scores(judged)
        return f"step F1 {figures['step_f1']:.2f} unreadable {figures['unreadable']:.2f}"

    shown = keeping(rarely(watch), tokenizer, out)
    plans: list[tuple[Schedule, Sequence[Stage]]] = [(schedule, STAGES)]
    for longer, faster in POLISHES:
        steps, rate = int(schedule.steps * longer), schedule.rate * faster
        plans.append((replace(schedule, steps=steps, rate=rate), POLISH))
    begun = kept(out)["part"] if schedule.resume else 0
    for part, (plan, stages) in list(enumerate(plans))[begun:]:
        plan = replace(plan, resume=schedule.resume and part == begun)
        lessons = verifier_lessons(seed + part, excluded, written, stages)
        stream = batches(tokenizer, lessons, plan.tokens, seed)
        learn(model, stream, plan, shown, EVERY, Muon(model, plan.rate), out, part=part)
    (out / SAMPLED).unlink(missing_ok=True)
    return model


def train_reward(
    schedule: Schedule, seed: int, out: Path, start: Path, policy: Path, samples: int
) -> Any:
    """Returns a process reward model that begins with the weights of `start`, a policy.

    It learns to judge `samples` samples of `policy` too.
    """
    tokenizer = build_reward_tokenizer()
    language_model = widened(start, tokenizer, seed)
    name_special_tokens(language_model, tokenizer)
    model, excluded = ProcessRewardModel(language_model, seed), held_out_keys()
    drawn = sampled(policy, seed, excluded, samples, out / SAMPLED)
    held_out = read_split("validation")[:WATCHED] * 4
    watched = draw(*load_checkpoint(policy), held_out, TEMPERATURE, seed)

    def watch(model: Any) -> str:
        judged = list(zip(watched, judge_steps(model, tokenizer, watched), strict=True))
        return f"step F1 {step_scores(judged)['step_f1']:.2f}"

    stream = batches(tokenizer, reward_lessons(seed, excluded, drawn), schedule.tokens, seed)
    shown, optimiser = keeping(watch, tokenizer, out), Muon(model, schedule.rate)
    learn(model, stream, schedule, shown, EVERY, optimiser, out, label_loss)
    (out / SAMPLED).unlink(missing_ok=True)
    return model


def sampled(
    policy: Path, seed: int, exclude: frozenset[str], count: int, kept: Path
) -> list[Solution]:
    """Returns `count` samples of a policy, of as many problems.

    They are in the file `kept` while the training lasts, so that one that is resumed has them.
    """
    drawn = list(islice(problems(seed + 1, exclude), count))
    if kept.is_file() and len(steps := json.loads(kept.read_text("utf-8"))) == count:
        return list(zip(drawn, steps, strict=True))
    print(f"sampling {count} solutions of {policy}", flush=True)
    found = draw(*load_checkpoint(policy), drawn, LEARNED_TEMPERATURE, seed)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps([steps for _, steps in found]), "utf-8")
    return found


def keeping(watch: Watch, tokenizer: Any, out: Path) -> Watch:
    """Returns `watch`, which also writes the checkpoint as it is then."""

    def watched(model: Any) -> str:
        save(model, tokenizer, out)
        return watch(model)

    return watched


def main(arguments: list[str] | None = None) -> int:
    """Trains and saves one checkpoint."""
    asked = parser("benchmarks.arithmetic.train", THREADS, tuple(TOKENIZERS))
    asked.add_argument("--policy", type=Path, default=HOME / "policy",
                       help="policy whose samples the others learn to judge")  # fmt: skip
    asked.add_argument("--start", type=Path, help="checkpoint that training starts from (default: "
                       "for the policy nothing, for the others the policy)")  # fmt: skip
    asked.add_argument("--samples", type=int, default=SAMPLES,
                       help="policy samples that the others learn from")  # fmt: skip
    given = asked.parse_args(arguments)
    out, start, policy = given.out or HOME / given.role, given.start, given.policy
    roles = {
        "policy": (POLICY, lambda plan: train_policy(plan, given.seed, out, start)),
        "verifier": (
            VERIFIER,
            lambda plan: train_verifier(
                plan, given.seed, out, start or policy, policy, given.samples
            ),
        ),
        "reward": (
            REWARD,
            lambda plan: train_reward(
                plan, given.seed, out, start or policy, policy, given.samples
            ),
        ),
    }
    return make(given, HOME, roles, lambda role: TOKENIZERS[role]())


if __name__ == "__main__":
    sys.exit(main())
