"""Several verification chains instead of one, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from search.wording import amount, number
from treewright.arms.arm import Arm
from treewright.studies.chains import SELECTED, SeveralChains
from treewright.studies.choosing import Choosing
from treewright.studies.choosing_page import cell
from treewright.studies.page import paragraphs, table
from treewright.studies.shown import Family

CHAINS = """
The verifier writes {chains} chains for each solution, at temperature 0.6 as its authors do, and
their probabilities are averaged; with one chain it is greedy. Both judge the first {n} solutions of
each problem, drawn with the same seeds; the verifier's tokens per problem are {several} instead of
{one}. Differences in points as above, of the same family; AUROC within a problem and ECE as below.
"""


def chains_told(chains: SeveralChains, family: Family) -> Iterator[str]:
    """Every arm by several chains and by one, and what the scores are worth."""
    told = CHAINS.format(
        chains=chains.chains,
        n=chains.n,
        one=amount(_paid(chains.alike, chains.n)),
        several=amount(_paid(chains.several, chains.n)),
    )
    yield from (f"## {chains.chains} verification chains", "", *paragraphs(told))
    rows = chains.rows(family.rows)
    lines = []
    for name in chains.several.judged:
        held = [rows[arm] for arm in chains.arms if arm.aggregation == name]
        sides = [side.judged[name] for side in (chains.alike, chains.several)]
        auroc, ece = [number(each.within) for each in sides], [number(each.ece) for each in sides]
        lines.append((f"`{name}`", *(cell(row.found) for row in held), *auroc, *ece))
    selected = [f"`{selection}`" for selection in SELECTED]
    scores = [f"{word} K={count}" for word in ("AUROC", "ECE") for count in (1, chains.chains)]
    yield from table((f"K={chains.chains} minus K=1", *selected, *scores), lines)


def _paid(found: Choosing, n: int) -> float | None:
    return found.run.first(Arm("best", "history.last"), n).figures.verifier_tokens
