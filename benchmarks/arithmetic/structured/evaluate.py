"""Measures both structured stand-ins: `python -m benchmarks.arithmetic.structured.evaluate`.

Plain transformers, no vLLM; writes nothing but the table (or one JSON object with --json).
"""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.arithmetic.corpus import verifier_prompt
from benchmarks.arithmetic.evaluate import command, error_scores, first_error
from benchmarks.arithmetic.judging import ReadChain, judge_prompts
from benchmarks.arithmetic.learning import load_checkpoint
from benchmarks.arithmetic.splits import read_split
from benchmarks.arithmetic.structured.checker import check
from benchmarks.arithmetic.structured.choices import offer
from benchmarks.arithmetic.structured.lessons import Response, read_steps
from benchmarks.arithmetic.structured.sampling import RESPONSE_TOKENS, sample_responses
from benchmarks.structured import Accuracies, Answered, measure, option_answer
from search.structured_protocol import ResponseFormat

HOME = Path(__file__).parent
RULES = ResponseFormat(10, 15, 12)
"""Fewest tokens of a section, as in configs/structured_arithmetic.yaml."""
CHAIN_TOKENS = 400
"""The longest right chain has 355."""


def answered(tokenizer: Any, responses: Sequence[Response]) -> list[Answered]:
    """Returns the responses as they are graded."""
    return [
        Answered(
            text,
            len(tokenizer.encode(text)) < RESPONSE_TOKENS,
            tuple(map(str, choice.options)),
            choice.answer,
        )
        for choice, text in responses
    ]


def accuracies(tokenizer: Any, responses: Sequence[Response]) -> Accuracies:
    """Returns the three accuracies of responses."""
    graded = answered(tokenizer, responses)
    return measure(graded, 0, RULES, lambda text: len(tokenizer.encode(text)))


def judge(model: Any, tokenizer: Any, responses: Sequence[Response]) -> list[ReadChain]:
    """Returns the verifier's reading of each response, in order."""
    prompts = [
        verifier_prompt(choice.question, read_steps(choice, text)) for choice, text in responses
    ]
    return judge_prompts(model, tokenizer, prompts, CHAIN_TOKENS)


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


def selection_scores(
    responses: Sequence[Response], readings: Sequence[ReadChain], samples: int
) -> dict[str, float]:
    """Returns the accuracy of the ways to choose one of `samples` responses to each question.

    A rejected response is an abstention: it is never chosen.
    """
    right: Counter[str] = Counter()
    judged = list(zip(responses, readings, strict=True))
    groups = [judged[start : start + samples] for start in range(0, len(judged), samples)]
    for group in groups:
        answer = str(group[0][0][0].answer)
        named = [(option_answer(text, 0), reading) for (_, text), reading in group]
        valid = [(option, reading) for option, reading in named if option is not None]
        votes = Counter(option for option, _ in valid)
        right["pass@1"] += sum(option == answer for option, _ in valid)
        right["pass@k"] += answer in votes
        right["majority@k"] += bool(valid) and votes.most_common(1)[0][0] == answer
        for name, score in SCORES.items():
            best = max(valid, key=lambda item: score(item[1]), default=None)
            right[f"best@k {name}"] += best is not None and best[0] == answer
    each = {name: count / len(groups) for name, count in right.items()}
    return each | {"pass@1": each["pass@1"] / samples}


SCORES: Mapping[str, Callable[[ReadChain], float]] = {
    "min": lambda reading: min(reading.steps, default=-1.0),
    "whole": lambda reading: -1.0 if reading.whole is None else reading.whole,
}
"""What the verifier says of a response, as one number."""


def report(policy: Path, verifier: Path, problems: int, samples: int, seed: int) -> dict[str, Any]:
    """Returns all figures on the first `problems` test problems with `samples` responses each."""
    drawn = [offer(problem, 0) for problem in read_split("test")[:problems]]
    model, tokenizer = load_checkpoint(policy)
    greedy = list(zip(drawn, sample_responses(model, tokenizer, drawn, 0.0, seed), strict=True))
    asked = [choice for choice in drawn for _ in range(samples)]
    texts = sample_responses(model, tokenizer, asked, 1.0, seed)
    responses = list(zip(asked, texts, strict=True))
    figures: dict[str, Any] = {"problems": problems, "samples": samples}
    figures["greedy"] = accuracies(tokenizer, greedy).strict.value
    found = asdict(accuracies(tokenizer, responses))
    figures["reasons"] = found.pop("reasons")
    figures |= {name: rate["hits"] / max(1, rate["trials"]) for name, rate in found.items()}
    if verifier.exists():
        readings = judge(*load_checkpoint(verifier), responses)
        figures |= selection_scores(responses, readings, samples)
        figures |= verifier_scores(responses, readings)
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures."""
    return command("benchmarks.arithmetic.structured.evaluate", HOME, 8, report, arguments)


if __name__ == "__main__":
    sys.exit(main())
