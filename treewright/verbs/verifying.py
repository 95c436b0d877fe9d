"""The verb `verify`: a verifier alone, on labelled solutions."""

from __future__ import annotations

from typing import Annotated

import typer

from treewright.verbs.options import (
    Debug,
    Json,
    PythonPath,
    Trusted,
    checked_config,
    checked_overrides,
    finished,
    say,
    split_names,
    trust,
)


def verify(
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG... [KEY=VALUE]...",
            help="Whose scorers are measured, and what to change in all of them.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Labelled solutions: processbench, prm800k, arithmetic_levels_steps, or a file. "
            "Without it: those of the first config's dataset.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these splits of NAME, subsets of FILE.")
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(
            metavar="A",
            help="Fit temperature and threshold on this split, which is then not measured. "
            "Without it: crosswise, on the other half of the problems.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="Only the first N solutions of each."),
    ] = None,
    as_json: Json = False,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Measure verifiers alone, on solutions whose steps are labelled.

    ProcessBench's F1, AUROC and calibration of step verdicts, precision and recall of `incorrect`,
    tokens per judgement. Of a config only the scorer, its cluster and the seed are used; several
    configs, or those of a sweep, stand side by side. The same command again goes on where it
    stopped; when all is judged it only prints the table.

    **Examples**

    - `treewright verify quickstart --limit 100`
    - `treewright verify math500_qwen25_thinkprm --data processbench --fit gsm8k`
    - `treewright verify mine.yaml theirs.yaml --data labelled.jsonl --json`
    - `treewright verify quickstart sweep.grid.scorer.chains=[1,4]`
    """
    trust(trusted, python_path)
    configs = [checked_config(each) for each in given if "=" not in each]
    changes = checked_overrides([each for each in given if "=" in each])
    from treewright.verifying.asked import AskedData, scorers, unused

    asked = AskedData(data, tuple(split_names(split)), fit, limit)
    found = scorers(configs, changes)
    for remark in unused(changes):
        say(f"note: {remark}")
    from treewright.verifying.verify import verify as measure  # after the faults: told fast

    return finished(measure(found, asked, as_json=as_json))
