"""What the comparison of strategies found, in plain words and no more than its numbers show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.wording import counted, percent, points, points_interval, whole
from treewright.arms.comparison import Comparison, Verdict
from treewright.studies.cell_results import same_cost
from treewright.studies.claims import Claim
from treewright.studies.levels import Levels

Found = Sequence[tuple[Claim, Comparison]]
BLANK = str(Verdict.NOTHING)


def lead(found: Found, levels: Levels) -> str:
    """Two to four sentences. A difference is called one only where it is shown."""
    votes = [each for each in found if not each[0].strategy]
    steps = [each for each in found if each[0].strategy]
    told = [*_votes(votes), *_searches(steps, levels), *_unequal(steps), *_silent(found)]
    return " ".join(told)


def _votes(found: Found) -> Iterator[str]:
    for claim, each in found:
        ours, theirs = (plain(name) for name in claim.name.split(" − "))
        accuracies = [percent(side.figures.accuracy) for side in (each.ours, each.theirs)]
        told = f"{ours} is right in {accuracies[0]} % and {theirs} in {accuracies[1]} % "
        most = max(len(claim.ours.shares), len(claim.theirs.shares))
        some = f", over the {counted(each.problems, 'problem')} that both decided"
        over = some if 0 < each.problems < most else ""
        yield f"{told[0].upper()}{told[1:]}({_said(each)}{over})."


def plain(name: str) -> str:
    """A way to answer, for who does not know its name: `majority@16`, `weighted best-of-16`."""
    way, _, count = name.replace("best-of-", "@").replace(" ", "").partition("@")
    words = {
        "greedy": "the likeliest solution (greedy)",
        "pass": "a solution drawn by chance",
        "majority": f"the vote of {counted(int(count or 0), 'solution')}",
        "weighted": f"the vote of {count} weighted by the verifier",
    }
    return words.get(way, name)


def _said(each: Comparison) -> str:
    if each.verdict is Verdict.NOTHING:
        return BLANK
    ends = f", 95 % interval {points_interval(each.ci95)}" if each.ci95 else ""
    return f"{points(each.difference)} points{ends}, {'shown' if each.shown else 'not shown'}"


def _searches(found: Found, levels: Levels) -> Iterator[str]:
    """Which searches are shown to beat best-of-n, which to lose, and which neither."""
    if not found:
        return
    parts = []
    for verdict, word in ((Verdict.BETTER, "more"), (Verdict.WORSE, "less")):
        alike = [each for each in found if each[1].verdict is verdict]
        if alike:
            parts.append(f"{word} often right are {', '.join(_named(*each) for each in alike)}")
    for verdict, word in ((Verdict.NOT_SHOWN, "no difference is shown"), (Verdict.NOTHING, BLANK)):
        rest = [claim for claim, each in found if each.verdict is verdict]
        if rest:
            parts.append(f"{word} for {_by_name(rest)}")
    over = f"On {levels.told}" if levels.known else "Over all problems"
    yield f"{over}, beside best-of-n at the same tokens: {'; '.join(parts)}."


def _by_name(claims: Sequence[Claim]) -> str:
    """`beam at 3,000, 6,000, mcts at 3,000`."""
    budgets: dict[str, list[str]] = {}
    for claim in claims:
        budgets.setdefault(claim.strategy, []).append(whole(claim.budget))
    return ", ".join(f"{name} at {', '.join(own)}" for name, own in budgets.items())


def _named(claim: Claim, each: Comparison) -> str:
    ends = f", {points_interval(each.ci95)}" if each.ci95 else ""
    size = f"({points(each.difference)} points{ends})"
    return f"{claim.strategy} at {whole(claim.budget)} tokens {size}"


def _unequal(found: Found) -> Iterator[str]:
    """Which searches no best-of-n costs the same as."""
    apart = [
        f"{claim.strategy} at {whole(claim.budget)} ({each.cost})"
        for claim, each in found
        if each.problems and not same_cost(each)
    ]
    if apart:
        yield f"Not at the same tokens as any best-of-n, but nearest to it: {', '.join(apart)}."


def _silent(found: Found) -> Iterator[str]:
    problems = [each.problems for _, each in found if each.verdict is Verdict.NOT_SHOWN]
    if problems:
        verb = "does" if max(problems) == 1 else "do"
        yield (
            "What is not shown may be there all the same: "
            f"{counted(max(problems), 'problem')} {verb} not tell."
        )
