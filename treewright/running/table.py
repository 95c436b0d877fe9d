"""The result table and the failure list, as a person reads them in a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from treewright.ledger import Account
from treewright.metrics import Arm, Metrics
from treewright.running.controller import Failed
from treewright.running.tracebacks import place
from treewright.terminal import line

PLAIN_WIDTH = 120
"""Columns where there is no terminal to ask."""
SHOWN_FAILURES = 5


def print_table(metrics: Metrics, steered_by: str | None = None) -> None:
    """Accuracy of every arm over n, with the interval and the cost at the largest n, on stdout.

    `steered_by`: the aggregation that steered the searches, None where none did.
    """
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    _print(console, metrics, steered_by)


def table_text(metrics: Metrics, steered_by: str | None = None) -> str:
    """What `print_table` prints, as plain text."""
    text = io.StringIO()
    _print(Console(file=text, width=PLAIN_WIDTH, color_system=None), metrics, steered_by)
    return text.getvalue()


def _print(console: Console, metrics: Metrics, steered_by: str | None) -> None:
    sizes = sorted({arm.n for arm in metrics.arms})
    table = Table(title=headline(metrics, steered_by), title_justify="left", title_style="bold")
    table.add_column("aggregation")
    table.add_column("selection")
    for n in sizes:
        table.add_column(f"n={n}", justify="right")
    table.add_column("95 % CI", justify="right")
    table.add_column("policy tok", justify="right")
    table.add_column("verifier tok", justify="right")
    best = max((arm.accuracy or 0.0 for arm in metrics.arms if arm.n == sizes[-1]), default=0.0)
    for name, arms in by_name(metrics.arms):
        top = arms[-1]
        style = "bold" if top.accuracy is not None and top.accuracy == best else ""
        table.add_row(
            *(Text(line(part)) for part in name),
            *(percent(arm.accuracy) for arm in arms),
            interval(top),
            amount(top.policy_tokens),
            amount(top.verifier_tokens),
            style=style,
        )
    console.print(table)
    for note in [*left_out(metrics.arms), *without_answer(metrics)]:
        console.print(line(note), highlight=False, markup=False)
    if metrics.exhausted:
        console.print(limits_line(metrics), highlight=False, markup=False)
    console.print(ledger_line(metrics), style="dim", highlight=False)


def headline(metrics: Metrics, steered_by: str | None) -> str:
    """How many problems the table is about, and what steered their searches."""
    failed = f", {metrics.failures} with failures" if metrics.failures else ""
    steers = f"; searches steered by {line(steered_by)}" if steered_by else ""
    return f"Accuracy in % over {counted(metrics.problems, 'problem')}{failed}{steers}"


def counted(number: int, noun: str, ending: str = "s") -> str:
    """`1 problem`, `2,000 problems`."""
    return f"{number:,} {noun}{'' if number == 1 else ending}"


def by_name(arms: Sequence[Arm]) -> list[tuple[tuple[str, str], list[Arm]]]:
    """Arms of one aggregation and selection together, in the order of the metrics."""
    groups: dict[tuple[str, str], list[Arm]] = {}
    for arm in arms:
        groups.setdefault((arm.aggregation or "–", arm.selection), []).append(arm)
    return list(groups.items())


def left_out(arms: Sequence[Arm]) -> list[str]:
    """One line for each arm, at its largest n, whose accuracy is not over all searched problems."""
    notes = []
    for (aggregation, selection), of_one in by_name(arms):
        arm = of_one[-1]
        counts = {"without any score": arm.unscored, "that could not be graded": arm.ungraded}
        reasons = [f"{count} {reason}" for reason, count in counts.items() if count]
        if reasons:
            name = f"{aggregation} {selection}" if arm.aggregation else selection
            notes.append(
                f"{name}: over {counted(arm.problems, 'problem')}, not {' and '.join(reasons)}"
            )
    return notes


def without_answer(metrics: Metrics) -> list[str]:
    """A line where most problems have nothing to choose from: 0 % is then no wrong choice."""
    if not metrics.arms:
        solved = metrics.problems - metrics.failures
        return [f"No search of {solved} has a candidate."] if solved > 0 else []
    tops = [arms[-1] for _, arms in by_name(metrics.arms) if arms[-1].problems]
    least = min(tops, key=lambda arm: arm.abstained / arm.problems, default=None)
    if least is None or 2 * least.abstained <= least.problems:
        return []
    return [
        f"{least.abstained} of {least.problems} problems have no answer at all: every candidate "
        "was cut, or boxed none; `treewright tree RUN 1` shows where they stop"
    ]


def percent(accuracy: float | None) -> str:
    """One decimal; a dash where there is no number."""
    return "–" if accuracy is None else f"{100 * accuracy:.1f}"


def interval(arm: Arm) -> str:
    """`41.2 – 65.0`, the 95 % interval."""
    return "–" if arm.ci95 is None else f"{percent(arm.ci95[0])} – {percent(arm.ci95[1])}"


def amount(tokens: float | None) -> str:
    """`1,234`, or that nobody counted."""
    return "unknown" if tokens is None else f"{tokens:,.0f}"


def limits_line(metrics: Metrics) -> str:
    """How many searches ended at a limit, by limit."""
    counts = ", ".join(f"{line(name)} {count}" for name, count in metrics.exhausted.items())
    problems = sum(metrics.exhausted.values())
    unsure = "; the time is not reproducible" if "seconds" in metrics.exhausted else ""
    return f"{problems} searches were ended by a limit ({counts}){unsure}"


def ledger_line(metrics: Metrics) -> str:
    """The whole ledger in one line per side."""
    sides = (("policy", metrics.ledger.policy), ("verifier", metrics.ledger.verifier))
    return "\n".join(
        f"{side}: {account.calls:,} calls, {prompted(account)}, {generated(account)}"
        for side, account in sides
    )


def prompted(account: Account) -> str:
    """The tokens that were read."""
    if account.prompt is None:
        return "prompt tokens unknown"
    return f"{account.prompt:,} prompt tokens ({account.cached:,} cached)"


def generated(account: Account) -> str:
    """The tokens that were written."""
    if account.generated is None:
        return "generated unknown"
    return (
        f"{account.generated:,} generated ({account.failed:,} failed, {account.pruned:,} pruned, "
        f"{account.duplicate:,} duplicate)"
    )


def print_failures(failed: Sequence[Failed], run: Path) -> None:
    """The first few failures on stderr, one line each, with the file that tells all."""
    console = Console(stderr=True)
    for item in failed[:SHOWN_FAILURES]:
        told = line(item.failure.message)
        file = place(run, item)
        where = f" ({line(str(file))})" if item.failure.traceback and file.is_file() else ""
        console.print(
            f"failed: {line(item.problem_id)}: {item.failure.kind}: {told}{where}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if len(failed) > SHOWN_FAILURES:
        console.print(f"… and {len(failed) - SHOWN_FAILURES} more; all are in the journal")
