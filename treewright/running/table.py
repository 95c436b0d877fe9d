"""The result table and the failure list, as a person reads them in a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.wording import DASH, amount, counted, percent, price, whole
from treewright.arms.arm import Arm
from treewright.arms.columns import Place
from treewright.arms.measured import Measured
from treewright.arms.metrics import Metrics
from treewright.arms.tables import PLAIN_WIDTH, console, table
from treewright.ledger import Account, from_a_cache
from treewright.running.controller import Failed
from treewright.running.tracebacks import place
from treewright.terminal import line

SHOWN_FAILURES = 5


def print_table(metrics: Metrics, steered_by: str | None = None) -> None:
    """Accuracy of every arm over n, with the interval and the cost at the largest n, on stdout.

    `steered_by`: the aggregation that steered the searches, None where none did.
    """
    _print(console(), metrics, steered_by)


def table_text(metrics: Metrics, steered_by: str | None = None) -> str:
    """What `print_table` prints, as plain text."""
    text = io.StringIO()
    _print(Console(file=text, width=PLAIN_WIDTH, color_system=None), metrics, steered_by)
    return text.getvalue()


def _print(shown: Console, metrics: Metrics, steered_by: str | None) -> None:
    shown.print(_arms(metrics, steered_by))
    for note in [*left_out(metrics), *without_answer(metrics)]:
        shown.print(line(note), highlight=False, markup=False)
    if metrics.exhausted:
        shown.print(limits_line(metrics), highlight=False, markup=False)
    shown.print(ledger_line(metrics), style="dim", highlight=False)


def _arms(metrics: Metrics, steered_by: str | None) -> Table:
    """One line per arm: its accuracy over n, and the columns of its largest n."""
    columns = Place.TABLE.columns
    names = [
        *(f"n={n}" for n in sorted({each.n for each in metrics.arms})),
        *(column.narrow or column.heading for column in columns),
    ]
    made = table(
        {"aggregation": True, "selection": True, **dict.fromkeys(names, False)},
        headline(metrics, steered_by),
    )
    over_n: dict[Arm, list[Measured]] = {}
    for each in metrics.arms:
        over_n.setdefault(each.arm, []).append(each)
    best = max((top.accuracy or 0.0 for top in metrics.tops), default=0.0)
    for arm, points in over_n.items():
        top = points[-1]
        made.add_row(
            *(Text(line(part)) for part in (arm.aggregation or DASH, arm.selection)),
            *(percent(point.accuracy) for point in points),
            *(column.text(top) for column in columns),
            style="bold" if top.accuracy is not None and top.accuracy == best else "",
        )
    return made


def headline(metrics: Metrics, steered_by: str | None) -> str:
    """How many problems the table is about, and what steered their searches."""
    failed = f", {metrics.failures} with failures" if metrics.failures else ""
    steers = f"; searches steered by {steered_by}" if steered_by else ""
    known = [bill for bill in metrics.bills.values() if bill is not None]
    total = sum(known) if len(known) == len(metrics.bills) else None
    cost = f"; costs {price(total)}" if metrics.bills else ""
    return f"Accuracy in % over {counted(metrics.problems, 'problem')}{failed}{steers}{cost}"


def left_out(metrics: Metrics) -> list[str]:
    """One line for each arm, at its largest n, whose accuracy is not over all searched problems."""
    notes = []
    for top in metrics.tops:
        counts = {"without any score": top.unscored, "that could not be graded": top.ungraded}
        reasons = [f"{count} {reason}" for reason, count in counts.items() if count]
        if reasons:
            name = str(top.arm).replace("+", " ")
            over = counted(round(top.problems), "problem")
            notes.append(f"{name}: over {over}, not {' and '.join(reasons)}")
    return notes


def without_answer(metrics: Metrics) -> list[str]:
    """A line where most problems have nothing to choose from: 0 % is then no wrong choice."""
    if not metrics.arms:
        solved = metrics.problems - metrics.failures
        return [f"No search of {solved} has a candidate."] if solved > 0 else []
    tops = [top for top in metrics.tops if top.problems]
    least = min(tops, key=lambda top: top.abstained / top.problems, default=None)
    if least is None or 2 * least.abstained <= least.problems:
        return []
    return [
        f"{least.abstained} of {least.problems} problems have no answer at all: every candidate "
        "was cut, or boxed none; `treewright tree RUN 1` shows where they stop"
    ]


def limits_line(metrics: Metrics) -> str:
    """How many searches ended at a limit, by limit."""
    counts = ", ".join(f"{line(name)} {count}" for name, count in metrics.exhausted.items())
    problems = sum(metrics.exhausted.values())
    unsure = "; the time is not reproducible" if "seconds" in metrics.exhausted else ""
    return f"{problems} searches were ended by a limit ({counts}){unsure}"


def ledger_line(metrics: Metrics) -> str:
    """The whole ledger: a line per side, one for what a cache over runs had, one for GPUs."""
    lines = []
    for side, account in (("policy", metrics.ledger.policy), ("verifier", metrics.ledger.verifier)):
        calls = f"{side}: {whole(account.calls)} calls"
        cost = f", costs {price(metrics.bills[side])}" if side in metrics.bills else ""
        lines.append(f"{calls}, {prompted(account)}, {generated(account)}{cost}")
        if account.recalled:
            lines.append(f"{side}: {from_a_cache(side, account.recalled, account.saved)}")
    if metrics.gpus:
        lines.append(str(metrics.gpus))
    return "\n".join(lines)


def prompted(account: Account) -> str:
    """The tokens that were read."""
    if account.prompt is None:
        return "prompt tokens unknown"
    return f"{amount(account.prompt)} prompt tokens ({amount(account.cached)} cached)"


def generated(account: Account) -> str:
    """The tokens that were written."""
    if account.generated is None:
        return "generated unknown"
    parts = [
        f"{amount(getattr(account, part))} {part}" for part in ("failed", "pruned", "duplicate")
    ]
    return f"{amount(account.generated)} generated ({', '.join(parts)})"


def print_failures(failed: Sequence[Failed], run: Path) -> None:
    """The first few failures on stderr, one line each, with the file that tells all."""
    errors = Console(stderr=True)
    for item in failed[:SHOWN_FAILURES]:
        told = line(item.failure.message)
        file = place(run, item)
        where = f" ({line(str(file))})" if item.failure.traceback and file.is_file() else ""
        errors.print(
            f"failed: {line(item.problem_id)}: {item.failure.kind}: {told}{where}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if len(failed) > SHOWN_FAILURES:
        errors.print(f"… and {len(failed) - SHOWN_FAILURES} more; all are in the journal")
