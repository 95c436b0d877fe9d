"""What the comparison of strategies found, in plain words and no more than its numbers show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.wording import counted, percent, points, points_interval, whole
from treewright.arms.comparison import Comparison, Verdict
from treewright.studies.claims import Claim
from treewright.studies.levels import Levels

Found = Sequence[tuple[Claim, Comparison]]


def lead(found: Found, levels: Levels) -> str:
    """Two to four sentences. A difference is called one only where it is shown."""
    votes = [each for each in found if not each[0].strategy]
    steps = [each for each in found if each[0].strategy]
    return " ".join([*_votes(votes), *_searches(steps, levels), *_silent(found)])


def _votes(found: Found) -> Iterator[str]:
    for claim, each in found:
        ours, theirs = (plain(name) for name in claim.name.split(" − "))
        accuracies = [percent(side.figures.accuracy) for side in (each.ours, each.theirs)]
        told = f"{ours} is right in {accuracies[0]} % and {theirs} in {accuracies[1]} % "
        yield f"{told[0].upper()}{told[1:]}({_said(each)})."


def plain(name: str) -> str:
    """A way to answer, for who does not know its name: `majority@16`, `weighted best-of-16`."""
    way, _, count = name.replace("best-of-", "@").replace(" ", "").partition("@")
    words = {
        "greedy": "the likeliest solution (greedy)",
        "pass": "a solution drawn by chance",
        "majority": f"the vote of {count} solutions",
        "weighted": f"the vote of {count} weighted by the verifier",
    }
    return words.get(way, name)


def _said(each: Comparison) -> str:
    if each.verdict is Verdict.NOTHING:
        return "nothing to compare"
    size = f"{points(each.difference)} points, 95 % interval {points_interval(each.ci95)}"
    return f"{size}, {'shown' if each.shown else 'not shown'}"


def _searches(found: Found, levels: Levels) -> Iterator[str]:
    """Which searches are shown to beat best-of-n, which to lose, and which neither."""
    if not found:
        return
    parts = []
    for verdict, word in ((Verdict.BETTER, "more"), (Verdict.WORSE, "less")):
        alike = [each for each in found if each[1].verdict is verdict]
        if alike:
            parts.append(f"{word} often right are {', '.join(_named(*each) for each in alike)}")
    rest = [claim for claim, each in found if not each.shown]
    if rest:
        names = dict.fromkeys(claim.strategy for claim in rest)
        by_name = [
            f"{name} at {', '.join(whole(each.budget) for each in rest if each.strategy == name)}"
            for name in names
        ]
        parts.append(f"no difference is shown for {', '.join(by_name)}")
    over = f"On {levels.told}" if levels.known else "Over all problems"
    yield f"{over}, beside best-of-n at the same tokens: {'; '.join(parts)}."


def _named(claim: Claim, each: Comparison) -> str:
    return (
        f"{claim.strategy} at {whole(claim.budget)} tokens "
        f"({points(each.difference)} points, {points_interval(each.ci95)})"
    )


def _silent(found: Found) -> Iterator[str]:
    problems = [each.problems for _, each in found if each.verdict is Verdict.NOT_SHOWN]
    if problems:
        yield (
            "What is not shown may be there all the same: "
            f"{counted(max(problems), 'problem')} do not tell."
        )
