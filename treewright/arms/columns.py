"""What tables say of an arm. A new column is one entry of `COLUMNS`, and is then in all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from search.wording import amount, ends, interval, number, percent, price, whole
from treewright.arms.measured import Measured

T = TypeVar("T")


@dataclass(frozen=True)
class Column(Generic[T]):
    """A figure of an arm: its key in JSON, what stands above it, what it is, and how it is shown.

    `about` is a sentence for a reader. `narrow`: the heading in a terminal; `on_page`: how a page
    shows it; both only where they are another.
    """

    key: str
    heading: str
    value: Callable[[Measured], T]
    shown: Callable[[T], str]
    about: str
    narrow: str = ""
    on_page: Callable[[T], str] | None = None

    def text(self, arm: Measured) -> str:
        """As a terminal shows it."""
        return self.shown(self.value(arm))

    def page_text(self, arm: Measured) -> str:
        """As a page shows it."""
        return (self.on_page or self.shown)(self.value(arm))


COLUMNS: tuple[Column[Any], ...] = (
    Column("aggregation", "aggregation", lambda arm: arm.arm.aggregation, str,
           "How step probabilities become a score; none where no score is needed."),
    Column("selection", "selection", lambda arm: arm.arm.selection, str,
           "How candidates become an answer."),
    Column("n", "n", lambda arm: arm.n, whole, "Candidates looked at.", on_page=str),
    Column("accuracy", "accuracy %", lambda arm: arm.accuracy, percent,
           "Share of right answers over the problems; an abstention is wrong.", "accuracy"),
    Column("ci95", "95 % CI", lambda arm: arm.ci95, interval,
           "The 95 % interval of the accuracy, over problems.", on_page=ends),
    Column("error", "error", lambda arm: arm.error, number,
           "Standard error of the accuracy from the drawing of subsets."),
    Column("problems", "problems", lambda arm: arm.problems, whole,
           "Problems that the accuracy is over."),
    Column("abstained", "abstained", lambda arm: arm.abstained, lambda value: number(value, 0),
           "Problems without any answer; they count as wrong."),
    Column("tied", "tied", lambda arm: arm.tied, whole,
           "Choices that another answer was as good as."),
    Column("unscored", "unscored", lambda arm: arm.unscored, whole,
           "Problems left out: answers, but no score to choose by."),
    Column("ungraded", "ungraded", lambda arm: arm.ungraded, whole,
           "Problems left out: the grader could not decide in time."),
    Column("policy_tokens", "policy tokens", lambda arm: arm.policy_tokens, amount,
           "Mean per problem: prompt tokens not cached, and generated ones.", "policy tok"),
    Column("verifier_tokens", "verifier tokens", lambda arm: arm.verifier_tokens, amount,
           "Mean per problem: prompt tokens not cached, and generated ones.", "verifier tok"),
    Column("tokens", "tokens", lambda arm: arm.tokens, amount, "Mean per problem of both models."),
    Column("price", "price", lambda arm: arm.price, price,
           "Mean per problem in the currency of `engine.price`, of the sides that have one."),
    Column("left_out", "left out", lambda arm: arm.left_out, lambda value: number(value, 0),
           "Problems without a score to choose by, or that could not be graded."),
)  # fmt: skip


class Place(Enum):
    """Where arms are shown, with the columns that it has, in its order.

    A column that no place names is shown in all of them, behind the others.
    """

    METRICS = (
        "aggregation selection n accuracy ci95 problems abstained tied unscored ungraded "
        "policy_tokens verifier_tokens"
    )
    """metrics.json, sweep.json, `Run.arms()`."""
    TABLE = "ci95 policy_tokens verifier_tokens"
    """The table of a run, beside the accuracy at every n."""
    SWEEP = "n accuracy ci95 policy_tokens verifier_tokens"
    """The table of a sweep."""
    COMPARED = "accuracy"
    """The table of a comparison."""
    PRICED = "price"
    """What a comparison has besides, where an engine has a price."""
    SIDE = "n accuracy policy_tokens verifier_tokens"
    """Either side of a comparison in JSON."""
    PAGE = "n accuracy ci95 policy_tokens verifier_tokens abstained left_out"
    """A run's table in a report."""
    RUNS = "n accuracy ci95 tokens"
    """The runs of a report, each with its best arm."""
    STUDY = "aggregation selection n accuracy ci95 error problems abstained unscored ungraded"
    """The figures of a study in JSON."""
    DOCUMENT = "ci95"
    """The tables of a study, beside what they are about."""

    @property
    def columns(self) -> list[Column[Any]]:
        """Its own in its order, and those that are everywhere."""
        by_key = {column.key: column for column in COLUMNS}
        return [*(by_key[key] for key in self.value.split()), *everywhere()]

    def to_json(self, arm: Measured) -> dict[str, object]:
        """An arm as a plain object."""
        return {column.key: column.value(arm) for column in self.columns}


def everywhere() -> list[Column[Any]]:
    """Columns that no place names."""
    named = {key for place in Place for key in place.value.split()}
    return [column for column in COLUMNS if column.key not in named]
