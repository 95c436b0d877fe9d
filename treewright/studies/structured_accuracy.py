"""How well structured responses do: `python -m treewright.studies.structured_accuracy RUN`.

Reads a finished run of multiple-choice questions (`grading.kind: option`): three accuracies, the
share of responses that keep the format, and why the others are rejected. With `--calibrate` it
finds the number of the first option on a run of other questions than those measured, and writes the
decision with its counts to `option_base.json` in that run's folder. No model is asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.datasets import Sample
from benchmarks.structured import (
    Accuracies,
    AmbiguousBase,
    Answered,
    Numbering,
    Rate,
    calibrate_base,
    measure,
)
from engines.tokenizer import HfTokenizer, TokenizerError
from policies.structured import StructuredConfig
from search.core import Prefix, StopReason
from search.structured_protocol import CountTokens, ResponseFormat
from search.wording import counted, interval, percent
from treewright.comparing.finished_run import read as replay
from treewright.errors import ConfigError
from treewright.running.recorded import RecordedRun
from treewright.studies import page
from treewright.studies.command import guarded, reading, refuse_test
from treewright.terminal import clean

DECISION = "option_base.json"
ENDED = (StopReason.EOS, StopReason.INVALID)
"""What was not cut: the model ended its turn, or the policy ended a path that broke the format."""


@dataclass(frozen=True)
class Responses:
    """The responses of a run to each question, in the order of its candidates.

    `count_tokens`: None where the policy's tokenizer was not at hand. `failures`: questions without
    a result, which are in no figure.
    """

    recorded: RecordedRun
    answered: tuple[tuple[Answered, ...], ...]
    count_tokens: CountTokens | None
    failures: int = 0

    @property
    def first(self) -> list[Answered]:
        """The first response to each question: one sample, as the model card has."""
        return [answers[0] for answers in self.answered if answers]

    @property
    def all(self) -> list[Answered]:
        """All responses to all questions."""
        return [answer for answers in self.answered for answer in answers]

    def accuracies(self, answered: Sequence[Answered]) -> Accuracies:
        """How some of them do, by the rules and the option base of the run's config."""
        config = self.recorded.config
        policy = config.policy
        rules = policy.format if isinstance(policy, StructuredConfig) else ResponseFormat()
        return measure(answered, config.grading.option_base, rules, self.count_tokens)


async def read(path: Path) -> Responses:
    """Read a run.

    Raises what `RecordedRun` raises, and `ConfigError` for a run that is not
    finished, or of something else than multiple choice.
    """
    recorded = await RecordedRun.open(path)
    grading = recorded.config.grading.kind
    if grading != "option":
        hint = "multiple choice is graded with kind option"
        raise ConfigError(str(path), "grading.kind", grading, "has no structured responses", hint)
    finished = await replay(recorded)
    samples = {sample.problem.id: sample for sample in recorded.dataset.samples}
    answered = tuple(
        tuple(
            answer_of(samples[item.problem_id], each.path, path)
            for each in item.search.result.candidates
        )
        for item in finished.solved
    )
    counter = token_counter(recorded.config.policy)
    return Responses(recorded, answered, counter, finished.failures)


def answer_of(sample: Sample, response: Prefix, run: Path) -> Answered:
    """A response beside the options of its question. Raises `ConfigError` where it has none."""
    options, right = sample.metadata.get("options"), sample.answer or ""
    if not isinstance(options, list) or not right.isdigit():
        hint = "use a dataset of multiple choice with dataset.option_format list"
        raise ConfigError(str(run), "dataset", None, "its rows have no options by number", hint)
    finished = bool(response.steps) and response.steps[-1].stop in ENDED
    return Answered(response.text, finished, tuple(map(str, options)), int(right))


def token_counter(policy: object) -> CountTokens | None:
    """Counts the policy's tokens; None where it has no tokenizer that can be read here."""
    if not isinstance(policy, StructuredConfig):
        return None
    try:
        tokenizer = HfTokenizer.load(policy.model, policy.engine.revision)
    except TokenizerError as error:
        print(f"the lengths of sections are not checked: {error}", file=sys.stderr)
        return None
    return lambda text: len(tokenizer.encode(text))


def calibrate(responses: Responses) -> Numbering:
    """Find the number of the first option, and write it down beside the run.

    Raises:
        ConfigError: the run is of the test split, or its outputs do not tell.
    """
    recorded = responses.recorded
    data, where = recorded.config.dataset, str(recorded.folder.path)
    hint = "run the config with dataset.split=validation, and calibrate on that"
    refuse_test(data, where, "dataset.split", hint)
    try:
        found = calibrate_base(responses.all)
    except AmbiguousBase as error:
        raise ConfigError(where, "grading.option_base", None, str(error)) from None
    recorded.folder.write_json(DECISION, {**asdict(found), "split": data.split})
    return found


def table(responses: Responses) -> Iterator[str]:
    """The figures as lines of Markdown."""
    first, every = responses.accuracies(responses.first), responses.accuracies(responses.all)
    lines = [
        (f"{name}: {meaning}", f"{shown(one)}{bracketed(one)}", shown(many))
        for name, meaning in MEANINGS.items()
        for one, many in [(getattr(first, name), getattr(every, name))]
    ]
    yield from page.table(("", "first response [95 %]", "all responses"), lines, words=3)
    yield f"Rejected, of {every.valid.trials} responses, by the first reason:"
    yield ""
    yield from (f"* {reason}: {count}" for reason, count in every.reasons.items())
    if not every.reasons:
        yield "* none"
    if responses.failures:
        yield ""
        yield f"In no figure: {counted(responses.failures, 'question')} that failed."


MEANINGS: Mapping[str, str] = {
    "valid": "keeps the format",
    "strict": "right, a rejected response is wrong",
    "lenient": "right, a rejected response is read as well as can be",
    "conditional": "right among the valid",
}


def shown(rate: Rate) -> str:
    """`43.8 % (28 of 64)`."""
    return (
        "none" if rate.value is None else f"{percent(rate.value)}% ({rate.hits} of {rate.trials})"
    )


def bracketed(rate: Rate) -> str:
    """` [32.3, 55.9]`; nothing of nothing."""
    return "" if rate.ci95 is None else f" [{interval(rate.ci95, ', ')}]"


def figures(responses: Responses) -> dict[str, object]:
    """The same as one JSON object."""
    return {
        "questions": len(responses.answered),
        "failures": responses.failures,
        "lengths_checked": responses.count_tokens is not None,
        "first": asdict(responses.accuracies(responses.first)),
        "all": asdict(responses.accuracies(responses.all)),
    }


def main(arguments: list[str] | None = None) -> int:
    """Print the figures, or the decision."""
    made = reading("treewright.studies.structured_accuracy", __doc__)
    made.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run")
    told = f"find the first option's number, write {DECISION}"
    made.add_argument("--calibrate", action="store_true", help=told)
    options = made.parse_args(arguments)

    async def work() -> None:
        responses = await read(options.run)
        if options.calibrate:
            found = calibrate(responses)
            written = responses.recorded.folder.path / DECISION
            said = f"grading.option_base: {found.base}; counts in {written}"
            print(json.dumps(asdict(found)) if options.json else clean(said))
        elif options.json:
            print(json.dumps(figures(responses)))
        else:
            print("\n".join(table(responses)))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
