"""Measures both structured models by level: `python -m benchmarks.arithmetic.structured.evaluate`.

Plain transformers, no vLLM; writes nothing but the tables (or one JSON object with --json).
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.arithmetic.evaluate import Figures, by_level, options, show, told
from benchmarks.arithmetic.judging import ReadChain
from benchmarks.arithmetic.learning import load_checkpoint
from benchmarks.arithmetic.scores import error_scores, first_error
from benchmarks.arithmetic.splits import read_split
from benchmarks.arithmetic.structured.checker import check
from benchmarks.arithmetic.structured.choices import offer
from benchmarks.arithmetic.structured.responses import Response, read_steps
from benchmarks.arithmetic.structured.sampling import draw, judge
from benchmarks.structured import option_answer

HOME = Path(__file__).parent
TEMPERATURE = 0.9
"""Of the policy's samples."""
Judged = tuple[Response, ReadChain]
NOTHING = ReadChain("", (), None)


def answer(response: Response) -> int | None:
    """Returns the option that a response answers, from 0; None where it breaks the format."""
    found = option_answer(response[1], 0)
    return None if found is None else int(str(found))


def is_right(response: Response) -> bool:
    """Returns whether a response answers the right option."""
    return answer(response) == response[0].answer


def passed(group: Sequence[Judged]) -> float:
    """Returns the share of responses that are right."""
    return sum(is_right(response) for response, _ in group) / len(group)


def valid(group: Sequence[Judged]) -> float:
    """Returns the share of responses that answer an option."""
    return sum(answer(response) is not None for response, _ in group) / len(group)


def voted(group: Sequence[Judged], weight: Callable[[Judged], float]) -> bool:
    """Returns whether the option with the most weight is right; the earliest wins a tie."""
    weights: defaultdict[int, float] = defaultdict(float)
    for judged in group:
        if (option := answer(judged[0])) is not None:
            weights[option] += weight(judged)
    return bool(weights) and max(weights, key=weights.__getitem__) == group[0][0][0].answer


def best(group: Sequence[Judged], score: Callable[[Judged], float]) -> bool:
    """Returns whether the response with the highest score is right; invalid ones have none."""
    known = [judged for judged in group if answer(judged[0]) is not None]
    return bool(known) and is_right(max(known, key=score)[0])


def whole(judged: Judged) -> float:
    """Returns p(Yes), 0 where the chain is not readable."""
    return judged[1].whole or 0.0 if is_readable(judged) else 0.0


def least(judged: Judged) -> float:
    """Returns the smallest p(correct) of a step, 0 where the chain is not readable."""
    return min(judged[1].steps, default=0.0) if is_readable(judged) else 0.0


def is_readable(judged: Judged) -> bool:
    """Returns whether the chain judges every step, up to the first error."""
    response, reading = judged
    return reading.is_readable(len(read_steps(*response)))


POLICY: dict[str, Callable[[Sequence[Judged]], float]] = {
    "valid": valid,
    "pass@1": passed,
    "majority@k": lambda group: voted(group, lambda _: 1.0),
    "any@k": lambda group: passed(group) > 0,
}
VERIFIER: dict[str, Callable[[Sequence[Judged]], float]] = {
    "weighted@k": lambda group: voted(group, whole),
    "best@k": lambda group: best(group, whole),
    "best@k min": lambda group: best(group, least),
}
"""Figures of the responses to one question: what the policy writes, what the verifier chooses."""
SCORES = ("step_f1", "step_precision", "step_recall", "unreadable")


def figures(groups: Sequence[Sequence[Judged]], judged: bool) -> dict[str, Figures]:
    """Returns each figure by level; of the verifier only where it `judged`."""
    levels = [level_of(group) for group in groups]
    asked = POLICY | VERIFIER if judged else POLICY
    rows: dict[str, Figures] = {
        name: by_level(levels, [figure(group) for group in groups])
        for name, figure in asked.items()
    }
    for name in SCORES if judged else ():
        rows[name] = {
            key: score([one for group in part for one in group], name)
            for key, part in parts(groups).items()
        }
    return rows


def level_of(group: Sequence[Judged]) -> int:
    """Returns the level of the problem that a group answers."""
    return int(getattr(group[0][0][0].problem, "level", 0))


def parts(groups: Iterable[Sequence[Judged]]) -> dict[str, list[Sequence[Judged]]]:
    """Returns the groups of each level and of all."""
    found: defaultdict[str, list[Sequence[Judged]]] = defaultdict(list)
    for group in groups:
        found[str(level_of(group))].append(group)
        found["all"].append(group)
    return dict(sorted(found.items()))


def score(judged: Sequence[Judged], name: str) -> float:
    """Returns one of `verifier_scores`."""
    responses, readings = zip(*judged, strict=True)
    return verifier_scores(responses, readings)[name]


def verifier_scores(
    responses: Sequence[Response], readings: Sequence[ReadChain]
) -> dict[str, float]:
    """Returns how well first errors are found, and how many chains cannot be read."""
    steps = [read_steps(choice, text) for choice, text in responses]
    wrong = [
        first_error(check(choice, found))
        for (choice, _), found in zip(responses, steps, strict=True)
    ]
    unreadable = sum(
        not reading.is_readable(len(found)) for reading, found in zip(readings, steps, strict=True)
    )
    return {
        **error_scores(list(zip(wrong, readings, strict=True))),
        "unreadable": unreadable / len(readings),
    }


def measure(asked: argparse.Namespace) -> dict[str, Figures]:
    """Returns each figure by level of what is asked for on the command line."""
    drawn = [offer(problem, 0) for problem in read_split(asked.split)[: asked.problems]]
    writer = load_checkpoint(asked.policy)
    greedy = draw(*writer, drawn, 0.0, asked.seed)
    repeated = [choice for choice in drawn for _ in range(asked.samples)]
    written = draw(*writer, repeated, asked.temperature, asked.seed)
    readings = [NOTHING] * len(written)
    if asked.verifier:
        readings = judge(*load_checkpoint(asked.verifier), written)
    judged = list(zip(written, readings, strict=True))
    groups = [judged[i : i + asked.samples] for i in range(0, len(judged), asked.samples)]
    levels = list(map(level_of, groups))
    first = {"greedy": by_level(levels, list(map(is_right, greedy)))}
    return first | figures(groups, bool(asked.verifier))


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures."""
    asked = options("benchmarks.arithmetic.structured.evaluate", HOME, TEMPERATURE)
    given = told(asked, arguments)
    return show(measure(given), given.json)


if __name__ == "__main__":
    sys.exit(main())
