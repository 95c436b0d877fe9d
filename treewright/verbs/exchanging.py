"""The verbs to and from other tools: `import` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treewright.verbs.options import (
    Debug,
    Json,
    Overrides,
    PythonPath,
    RunPath,
    Trusted,
    checked_overrides,
    finished,
    trust,
)


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Completions of search-and-learn, samples of lm-eval (--log_samples), details of "
            "lighteval (--save-details), or a log of inspect_ai.",
        ),
    ],
    overrides: Overrides = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="What was asked. Without it: the file's own rows."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the run; the file's name is it.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Make a complete run of completions that came from elsewhere.

    Then `score`, `tree` and all other verbs work on it. How the file begins tells which tool wrote
    it. A file with a fault is refused as a whole.

    **Examples**

    - `treewright import best_of_n_completions.jsonl --dataset math500`
    - `treewright import samples_gsm8k_2026-11-29.jsonl --dataset gsm8k`
    - `treewright import mine.eval --name theirs grading.kind=numeric`
    """
    from treewright.exchange.import_sal import import_completions

    overrides = checked_overrides(overrides)
    return finished(import_completions(file, dataset, name, overrides, as_json=as_json))


def export(
    run: RunPath,
    form: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="parquet|sal|lm_eval|lighteval|inspect|trl|prm."
        ),
    ] = "parquet",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Without it: a file in the run's folder.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="Of trl and prm: a step is correct by the verifier's `verdict`, or where a right "
            "solution goes through it (`outcome`). Without it: verdict.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Of `--label verdict`: correct is a probability of P or more; 0.5."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the FILE where it is there already.")
    ] = False,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Write a run for other tools.

    Its candidates: as a table with one row each (parquet), as search-and-learn completions (sal),
    as samples of lm-evaluation-harness (lm_eval), as details of lighteval, as a log that inspect_ai
    opens (inspect). Its judged steps, to train a verifier on: as TRL's stepwise supervision (trl),
    or a row per prefix (prm). No model is asked, the run is not changed.

    **Examples**

    - `treewright export runs/quickstart/…`
    - `treewright export quickstart/latest --format inspect --output logs/quickstart.eval`
    - `treewright export quickstart/latest --format trl --label outcome --output steps.jsonl`
    """
    trust(trusted, python_path)
    from treewright.exchange.export import export as write

    return finished(write(run, form, output, label=label, threshold=threshold, force=force))
