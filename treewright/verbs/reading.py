"""The verbs that read what was run: `score`, `compare`, `tree`, `report` and `view`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treewright.errors import ConfigError
from treewright.verbs.options import (
    RUN_HELP,
    Debug,
    Json,
    PythonPath,
    RunPath,
    Trusted,
    finished,
    found_runs,
    split_names,
    trust,
)

Missing = Annotated[
    str | None,
    typer.Option(metavar="RULE", help="For steps without a verdict: skip|worst|fail."),
]


def score(
    run: RunPath,
    aggregate: Annotated[
        str | None, typer.Option(metavar="A,B", help="Aggregations, e.g. min,product,history.last.")
    ] = None,
    select: Annotated[
        str | None, typer.Option(metavar="X,Y", help="Selections, e.g. first,best,majority.")
    ] = None,
    missing: Missing = None,
    as_json: Json = False,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Aggregate a run again, offline: other columns from the same candidates.

    Nothing is generated, nothing is judged, the run is not changed. What is left out is as in the
    run's config.

    **Example**

    - `treewright score runs/quickstart/… --aggregate min,product,mean --select best,weighted`
    """
    trust(trusted, python_path)
    from treewright.config.checks import check_told

    aggregations, selections = split_names(aggregate), split_names(select)
    check_told(aggregations, None if select is None else selections, missing)
    from treewright.running.experiment import score as rescore

    return finished(rescore(run, aggregations, selections, missing, as_json=as_json))


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help=f"One run, or several over the same data. {RUN_HELP}",
            callback=found_runs,
        ),
    ],
    arm: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Arms, e.g. majority,min+best,history.last+weighted@8."),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="ARM", help="The arm of the first run to compare with.")
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, metavar="N", help="Candidates looked at, not all.")
    ] = None,
    missing: Missing = None,
    as_json: Json = False,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Compare arms over the same problems: by how much, how surely, and at what cost.

    Of one run its arms are compared with `majority`, or with the reference that you name. Of
    several runs each arm is compared with the same arm of the first; where the first asked no
    verifier, with its majority. Nothing is generated, nothing is judged.

    **Examples**

    - `treewright compare runs/quickstart/…`
    - `treewright compare RUN_A RUN_B --arm min+weighted`
    - `treewright compare BEST_OF_N BEAM --arm last+best --reference majority@8 --json`
    """
    trust(trusted, python_path)
    from treewright.comparing.compare import Wanted, compare_runs

    asked = Wanted(split_names(arm), reference, n, missing)
    return finished(compare_runs(runs, asked, as_json=as_json))


def tree(
    run: RunPath,
    problem: Annotated[
        str | None,
        typer.Argument(metavar="PROBLEM", help="Its id, the beginning of one, or a number."),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="text|json|dot|mermaid.")
    ] = "text",
    every: Annotated[
        bool, typer.Option("--all", help="Write trees/PROBLEM.json for every problem instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Draw the tree of a problem's search.

    Every path that was drawn: its probabilities, its cost, and why it was given up. It is replayed
    from the journal; no model is asked.

    **Examples**

    - `treewright tree runs/quickstart/… 1`
    - `treewright tree runs/quickstart/… expression-5b --format mermaid`
    - `treewright tree runs/quickstart/… --all`
    """
    trust(trusted, python_path)
    if every == (problem is not None):
        hint = "give one of the two: an id, the beginning of one or a number from 1; or --all"
        raise ConfigError("command line", "PROBLEM or --all", problem, "not both, not none", hint)
    from treewright.trees.trees import show, write_all

    if problem is None:
        return finished(write_all(run))
    return finished(show(run, problem, "json" if as_json else form))


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help=RUN_HELP, callback=found_runs)
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="RUN/report.html if not said, report.html for several."),
    ] = None,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Write one offline HTML page: tables, plots, the verifier, the cost and every tree.

    Plots are also written as PNG and SVG: of a run's own report to RUN/plots, of any other
    NAME.html to NAME-plots beside it. Runs are replayed from their journals; no model is asked.

    **Examples**

    - `treewright report runs/quickstart/…`
    - `treewright report runs/beam/… runs/dvts/… --output both.html`
    """
    trust(trusted, python_path)
    from treewright.report.report import report as write

    return finished(write(runs, output))


def view(
    run: RunPath,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="0 takes a free one.")
    ] = 0,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Serve the report of a run on 127.0.0.1, and follow a run that is still going.

    **Example**

    - `treewright view runs/quickstart/…`
    """
    trust(trusted, python_path)
    from treewright.report.view import view as serve

    return finished(serve(run, port))
