"""How sure should the verifier be? `python -m treewright.studies.decision_temperature A B`.

A is a finished run on validation problems, B one on other problems with the same verifier. The
number that its log-odds should be divided by, `scorer.decision_temperature`, is fitted on A, by the
negative log-likelihood of whole solutions being right, and tried on B. No model is asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.estimators.calibration import auroc, calibration
from benchmarks.estimators.paired import paired_difference
from benchmarks.estimators.temperature import CERTAIN, fit_temperature, losses, odds
from benchmarks.grading import Outcome
from scorers.log_odds import probability
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import Candidate
from search.wording import counted, number, signed, whole
from treewright.comparing.finished_run import read
from treewright.config.fingerprint import differences
from treewright.errors import ConfigError
from treewright.report.verifier import GRADED
from treewright.running.recorded import RecordedRun
from treewright.studies import page
from treewright.studies.command import guarded, reading, refuse_test
from treewright.terminal import clean


@dataclass(frozen=True)
class Solutions:
    """The judged and graded solutions of a run, by problem.

    `log_odds` that the whole solution is right, as the run recorded it, and whether it is `right`.
    """

    source: RecordedRun
    log_odds: tuple[tuple[float, ...], ...]
    right: tuple[tuple[bool, ...], ...]

    @property
    def all(self) -> tuple[list[float], list[bool]]:
        """Log-odds and marks over all problems."""
        return (
            [value for values in self.log_odds for value in values],
            [mark for marks in self.right for mark in marks],
        )

    @property
    def certain(self) -> int:
        """How many are surer than a recorded probability can tell."""
        return sum(abs(value) >= CERTAIN for value in self.all[0])


@dataclass(frozen=True)
class Fit:
    """How well probabilities fit: in nats, in [0, 1], in [0, 1]. The AUROC is None of one kind."""

    nll: float
    ece: float
    auroc: float | None


@dataclass(frozen=True)
class Tried:
    """A run before its log-odds are divided, and after.

    `nll_difference`: mean over problems of what dividing changes, and its 95 % interval.
    """

    split: str
    problems: int
    solutions: int
    certain: int
    before: Fit
    after: Fit
    nll_difference: tuple[float, float, float]


@dataclass(frozen=True)
class Fitted:
    """The temperature, and how it does where it was fitted and elsewhere."""

    decision_temperature: float
    validation: Tried
    test: Tried


async def study(validation: Path, test: Path) -> Fitted:
    """Fit on one run, try on the other.

    Raises:
        ConfigError: they are no such pair, or no temperature fits.
    """
    fitted, tried = await RecordedRun.open(validation, "A"), await RecordedRun.open(test, "B")
    check(fitted, tried)
    ours, theirs = await solutions(fitted), await solutions(tried)
    factor = fit_temperature(*ours.all)
    if factor is None:
        problem = "no temperature fits: its verdicts are all right, or worse than chance"
        raise ConfigError(str(validation), "scorer", None, problem, "more problems may tell")
    own = verifier(fitted).decision_temperature
    return Fitted(own * factor, held_against(ours, factor), held_against(theirs, factor))


def check(fitted: RecordedRun, tried: RecordedRun) -> None:
    """Whether one tells how sure the other should be. Raises `ConfigError`."""
    where = str(fitted.path)
    hint = "run the config with dataset.split=validation, and fit on that"
    refuse_test(fitted.config.dataset, where, "dataset.split", hint)
    asked = [
        {sample.problem.question for sample in source.dataset.samples} for source in (fitted, tried)
    ]
    if shared := len(asked[0] & asked[1]):
        problem = f"{counted(shared, 'problem')} of {tried.path} are in it as well"
        raise ConfigError(where, "dataset", None, problem, "fit on other problems than you measure")
    for key in differences(fitted.identity, tried.identity):
        if key.startswith("scorer."):
            problem = f"is not that of {tried.path}"
            raise ConfigError(where, key, None, problem, "take two runs of one verifier")
    config = verifier(fitted)
    if config.most_chains > 1 and config.combine != "logit":
        problem = "the run recorded means of probabilities, not what each chain said"
        raise ConfigError(where, "scorer.chains", config.most_chains, problem, "fit with chains: 1")


def verifier(source: RecordedRun) -> ThinkPrmConfig:
    """The scorer of a run. Raises `ConfigError` where it has no decision temperature."""
    scorer = source.config.scorer
    if not isinstance(scorer, ThinkPrmConfig):
        problem = "has no decision_temperature"
        raise ConfigError(str(source.path), "scorer", None, problem, "kind thinkprm has")
    return scorer


async def solutions(source: RecordedRun) -> Solutions:
    """What its verifier said of whole solutions. Raises `ConfigError` for a run without any."""
    log_odds, right = [], []
    for item in (await read(source)).solved:
        said = [
            (odds(value), outcome is Outcome.CORRECT)
            for candidate, outcome in zip(
                item.search.result.candidates, item.grades.outcomes, strict=True
            )
            if outcome in GRADED and (value := prefix(candidate)) is not None
        ]
        if said:
            log_odds.append(tuple(value for value, _ in said))
            right.append(tuple(mark for _, mark in said))
    if not log_odds:
        raise ConfigError(str(source.path), "run", None, "has no judged and graded solution")
    return Solutions(source, tuple(log_odds), tuple(right))


def prefix(candidate: Candidate) -> float | None:
    """The probability that the whole solution is right, None where it was not had."""
    judgement = candidate.judgement
    return judgement.prefix if judgement and isinstance(judgement.prefix, float) else None


def held_against(found: Solutions, factor: float) -> Tried:
    """How well the verifier's probabilities fit before and after."""
    log_odds, right = found.all
    means = [
        [
            fmean(losses(*pair, temperature))
            for pair in zip(found.log_odds, found.right, strict=True)
        ]
        for temperature in (factor, 1.0)
    ]
    gap = paired_difference(*means)
    return Tried(
        split=found.source.config.dataset.split,
        problems=len(found.right),
        solutions=len(right),
        certain=found.certain,
        before=fit(log_odds, right, 1.0),
        after=fit(log_odds, right, factor),
        nll_difference=(gap.mean, gap.low, gap.high),
    )


def fit(log_odds: Sequence[float], right: Sequence[bool], temperature: float) -> Fit:
    """At one temperature."""
    chances = [probability(value / temperature) for value in log_odds]
    ece = calibration(chances, right).ece
    assert ece is not None
    return Fit(fmean(losses(log_odds, right, temperature)), ece, auroc(log_odds, right))


def table(found: Fitted) -> Iterator[str]:
    """The figures as lines of Markdown."""
    yield f"scorer.decision_temperature: {number(found.decision_temperature, 2)}"
    yield ""
    yield from page.table(
        ("over", "problems", "solutions", "NLL", "divided", "ECE", "divided", "AUROC"),
        [
            (f"{name} {run.split}", whole(run.problems), whole(run.solutions), *fits(run))
            for name, run in (("fitted on", found.validation), ("tried on", found.test))
        ],
    )
    mean, low, high = (signed(value, 3) for value in found.test.nll_difference)
    ends = f"{low} to {high}, by paired bootstrap over problems"
    known = ends if found.test.problems > 1 else "one problem, which has no interval"
    yield f"On {found.test.split} dividing changes the NLL by {mean} ({known})."
    if certain := found.validation.certain + found.test.certain:
        yield f"{counted(certain, 'solution')} judged 0 or 1: their log-odds are taken as ±36.7."
    yield "A run keeps the probabilities that it recorded: set the key, and run anew."


def fits(run: Tried) -> Iterator[str]:
    """Before and after in turn; dividing moves no solution past another."""
    before, after = run.before, run.after
    values = (before.nll, after.nll, before.ece, after.ece, before.auroc)
    return map(number, values)


def main(arguments: list[str] | None = None) -> int:
    """Print what was found. Returns the exit code."""
    about = "How sure should the verifier be? Fits scorer.decision_temperature."
    made = reading("treewright.studies.decision_temperature", about)
    made.add_argument("validation", type=Path, metavar="VALIDATION", help="a run to fit it on")
    made.add_argument("test", type=Path, metavar="TEST", help="a run on other problems, to try it")
    options = made.parse_args(arguments)

    async def work() -> None:
        found = await study(options.validation, options.test)
        text = json.dumps(asdict(found)) if options.json else "\n".join(map(clean, table(found)))
        print(text)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
