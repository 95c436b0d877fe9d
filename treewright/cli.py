"""The command `treewright`: verbs, options and exit codes. What a verb does lives elsewhere.

Every import that costs time is inside the verb that needs it: `--help` needs none of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from treewright.errors import ConfigError, exit_code, suggest
from treewright.terminal import line

EXIT_CODES = """
Exit codes: 0 done · 1 internal error · 2 bad config or usage · 3 more failures than fail_on_error ·
4 not resumable · 130 interrupted (resumable)
"""
LISTED = (
    "runs",
    "policies",
    "scorers",
    "strategies",
    "presets",
    "aggregations",
    "selections",
    "datasets",
    "configs",
)
OPTIONS = ("--limit", "--json", "--debug", "--dry-run", "--at-once", "--help")
PASS_ON = {"ignore_unknown_options": True}
"""Lets `--strategy.n=4` reach the overrides."""

app = typer.Typer(
    name="treewright",
    help=f"Best-of-N and tree-search reasoning, from a config to an answer.\n\n{EXIT_CODES}",
    epilog="Start with: treewright run quickstart",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


ConfigPath = Annotated[
    str, typer.Argument(metavar="CONFIG", help="A YAML file, or the name of a shipped config.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="What to change in it: strategy.n=4 seed=1."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", help="Only the first N problems.")
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `run` printed.")]


@app.callback(invoke_without_command=True)
def treewright(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Answer `--version`; the verbs do the rest."""
    if version:
        from treewright.config.fingerprint import installed

        typer.echo(f"treewright {installed('treewright') or 'not installed: run `make setup`'}")
        raise typer.Exit


@app.command(context_settings=PASS_ON)
def run(
    config: ConfigPath,
    overrides: Overrides = None,
    limit: Limit = None,
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, as `validate` does.")
    ] = False,
    debug: Debug = False,
) -> int:
    """Run an experiment and print its table.

    The run folder is printed first. The same command again goes on where it stopped; when all is
    done it only prints the table.

    **Examples**

    - `treewright run quickstart`
    - `treewright run configs/quickstart.yaml strategy.n=4 --limit 8`
    - `treewright run mine.yaml policy.sampling.temperature=0.6 aggregate=min,last --json`
    """
    changes = _overrides(overrides, limit)
    if dry_run:
        from treewright.validate import validate as check

        return check(_config(config), changes, as_json=as_json)
    from treewright.config.checks import notes
    from treewright.config.load import load_runnable

    loaded = load_runnable(_config(config), changes)
    for remark in notes(loaded):
        _say(f"note: {remark}")
    from treewright.running.experiment import (
        run as start,  # after the config's faults: they are told fast
    )

    return start(loaded, as_json=as_json)


@app.command(context_settings=PASS_ON)
def sweep(
    config: ConfigPath,
    overrides: Overrides = None,
    limit: Limit = None,
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, metavar="N", help="Runs worked on side by side.")
    ] = 4,
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, and what it would cost at most.")
    ] = False,
    debug: Debug = False,
) -> int:
    """Run every cell of a config's `sweep:` grid and print one table.

    Cells that differ in what they report only share one run. The same command again does what is
    missing. How every cell stands is in runs/NAME/sweep.json.

    **Examples**

    - `treewright sweep sweep_arithmetic --dry-run`
    - `treewright sweep mine.yaml --limit 50 sweep.grid.seed=[0,1,2]`
    """
    changes = _overrides(overrides, limit)
    from treewright.sweeping.sweep import sweep as start

    return start(_config(config), changes, at_once=at_once, dry_run=dry_run, as_json=as_json)


@app.command()
def resume(run: RunPath, as_json: Json = False, debug: Debug = False) -> int:
    """Go on with a run that was interrupted, killed or left incomplete.

    What its journal holds is not asked again. It refuses (exit code 4) when the data, the models
    or the versions are no longer those of the run.

    **Example**

    - `treewright resume runs/quickstart/20261121T101500Z-1a2b3c4d`
    """
    from treewright.running.experiment import resume as go_on

    return go_on(run, as_json=as_json)


@app.command()
def score(
    run: RunPath,
    aggregate: Annotated[
        str | None, typer.Option(metavar="A,B", help="Aggregations, e.g. min,product,history.last.")
    ] = None,
    select: Annotated[
        str | None, typer.Option(metavar="X,Y", help="Selections, e.g. first,best,majority.")
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="For steps without a verdict: skip|worst|fail."),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Aggregate a run again, offline: other columns from the same candidates.

    Nothing is generated, nothing is judged, the run is not changed. What is left out is as in the
    run's config.

    **Example**

    - `treewright score runs/quickstart/… --aggregate min,product,mean --select best,weighted`
    """
    from treewright.config.checks import check_told

    aggregations, selections = _names(aggregate), _names(select)
    check_told(aggregations, None if select is None else selections, missing)
    from treewright.running.experiment import score as rescore

    return rescore(run, aggregations, selections, missing, as_json=as_json)


@app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="One run, or several over the same data.")
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
    missing: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="For steps without a verdict: skip|worst|fail."),
    ] = None,
    as_json: Json = False,
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
    from treewright.comparing.compare import Asked, compare_runs

    asked = Asked(_names(arm), reference, n, missing)
    return compare_runs(runs, asked, as_json=as_json)


@app.command()
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
    if every == (problem is not None):
        hint = "give one of the two: an id, the beginning of one or a number from 1; or --all"
        raise ConfigError("command line", "PROBLEM or --all", problem, "not both, not none", hint)
    from treewright.trees.trees import show, write_all

    if problem is None:
        return write_all(run)
    return show(run, problem, "json" if as_json else form)


@app.command("import", context_settings=PASS_ON)
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Completions as search-and-learn writes them.")
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

    Then `score`, `tree` and all other verbs work on it. A file with a fault is refused as a whole.

    **Examples**

    - `treewright import best_of_n_completions.jsonl --dataset math500`
    - `treewright import mine.jsonl --name theirs grading.kind=numeric`
    """
    from treewright.exchange.import_sal import import_completions

    return import_completions(file, dataset, name, _overrides(overrides), as_json=as_json)


@app.command()
def export(
    run: RunPath,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="parquet|sal.")] = (
        "parquet"
    ),
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Without it: a file in the run's folder.")
    ] = None,
    debug: Debug = False,
) -> int:
    """Write the candidates of a run for other tools.

    As a table with one row each (parquet), or as search-and-learn completions (sal). No model is
    asked, the run is not changed.

    **Examples**

    - `treewright export runs/quickstart/…`
    - `treewright export runs/quickstart/… --format sal --output completions.jsonl`
    """
    from treewright.exchange.export import export as write

    return write(run, form, output)


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="The folders that `run` printed.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write; RUN/report.html if not said."),
    ] = None,
    debug: Debug = False,
) -> int:
    """Write one offline HTML page: tables, plots, the verifier, the cost and every tree.

    Plots are also written as PNG and SVG, to the folder plots beside it. The run is replayed from
    its journal; no model is asked.

    **Examples**

    - `treewright report runs/quickstart/…`
    - `treewright report runs/beam/… runs/dvts/… --output both.html`
    """
    from treewright.report.report import report as write

    return write(runs, output)


@app.command()
def view(
    run: RunPath,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="0 takes a free one.")
    ] = 0,
    debug: Debug = False,
) -> int:
    """Serve the report of a run on 127.0.0.1, and follow a run that is still going.

    **Example**

    - `treewright view runs/quickstart/…`
    """
    from treewright.report.view import view as serve

    return serve(run, port)


@app.command()
def ls(
    what: Annotated[str, typer.Argument(metavar="WHAT", help=", ".join(LISTED))],
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """List runs, or what a config can name.

    **Examples**

    - `treewright ls runs`
    - `treewright ls aggregations`
    """
    from treewright.listing import show

    if what not in LISTED:
        raise ConfigError("command line", what, None, "cannot be listed", suggest(what, LISTED))
    show(what, as_json=as_json)
    return 0


@app.command(context_settings=PASS_ON)
def validate(
    config: ConfigPath,
    overrides: Overrides = None,
    limit: Limit = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Say what a config would run and what it would cost at most.

    Loads no model and starts no engine.

    **Example**

    - `treewright validate math500_qwen25_thinkprm strategy.n=64`
    """
    from treewright.validate import validate as check

    return check(_config(config), _overrides(overrides, limit), as_json=as_json)


@app.command(context_settings=PASS_ON)
def doctor(
    config: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="Also check its models and prompts.")
    ] = None,
    overrides: Overrides = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Check this machine, and the models of a config, and say what to do about what is amiss.

    Exit code 2 when a check failed; warnings do not count.

    **Examples**

    - `treewright doctor`
    - `treewright doctor quickstart`
    """
    from treewright.doctor.doctor import doctor as examine

    return examine(config and _config(config), _overrides(overrides), as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; every fault becomes one line on stderr and an exit code.

    An interrupt is exit code 130: typer's doing.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return int(app(arguments, prog_name="treewright", standalone_mode=False) or 0)
    except Exception as error:  # noqa: BLE001 - the last resort: told in one line, --debug tells all
        if "--debug" in arguments:
            import traceback

            traceback.print_exc()
        message, code = _diagnosis(error)
        _say(message)
        return code


def _diagnosis(error: Exception) -> tuple[str, int]:
    """The line to print, and the exit code."""
    if isinstance(error, TyperException):
        message, context = error.format_message(), getattr(error, "ctx", None)
        hint = f"; see `{context.command_path} --help`" if context is not None else ""
        return (f"error: {message.rstrip('.')}{hint}" if message else ""), error.exit_code
    if code := exit_code(error):
        return f"error: {error}", code
    if isinstance(error, OSError) and error.strerror:
        return f"error: {error.filename or 'output'}: {error.strerror}", 1
    told = f"{type(error).__name__}: {error}"
    return f"internal error: {told} (--debug shows where; please report it)", 1


def _say(message: str) -> None:
    """One line on stderr, if there is anything to say; no secret of the environment is in it."""
    if message:
        from treewright.config.redaction import scrub

        print(line(scrub(message)), file=sys.stderr, flush=True)


def _config(given: str) -> str:
    """The CONFIG of a command line, which an option or an override in its place is not."""
    if given.startswith("-"):
        _overrides([given])
        hint = "CONFIG goes before KEY=VALUE"
        raise ConfigError("command line", given, None, "is no config", hint)
    return given


def _overrides(given: Sequence[str] | None, limit: int | None = None) -> list[str]:
    """The overrides, `--limit` among them. A mistyped option is told apart from an override."""
    overrides = list(given or ())
    for text in overrides:
        if text.startswith("-") and "=" not in text:
            raise ConfigError("command line", text, None, "no such option", suggest(text, OPTIONS))
    return overrides if limit is None else [*overrides, f"dataset.limit={limit}"]


def _names(listed: str | None) -> list[str]:
    return [name.strip() for name in (listed or "").split(",") if name.strip()]


if __name__ == "__main__":
    sys.exit(main())
