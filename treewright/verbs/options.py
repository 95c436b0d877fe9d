"""Options that several verbs share, and how what was typed is read."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Annotated

import typer

from treewright.errors import ConfigError, suggest
from treewright.terminal import line

OPTIONS = ("--limit", "--json", "--debug", "--dry-run", "--at-once", "--pilot", "--help")
"""Of verbs that take overrides: a mistyped one is told from an override by them."""

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
Trusted = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Take the run for your own: import the code that its config names, read the "
        "environment for it.",
    ),
]
PythonPath = Annotated[
    list[Path] | None,
    typer.Option(
        "--python-path",
        metavar="DIR",
        envvar="TREEWRIGHT_PYTHON_PATH",
        help="Import the run's own parts from this folder of yours, and from nowhere else.",
    ),
]
RUN_HELP = "The folder that `run` printed, NAME/latest, or NAME/ and the beginning of its folder."


def found_run(said: Path) -> Path:
    """The folder of the run that a command line means; that there is none is told at once."""
    from treewright.running.run_folder import RunFolder
    from treewright.running.run_name import find_run

    run = find_run(said)
    is_there = os.path.exists(run)  # noqa: PTH110 - a name that can be none is not there
    return run if is_there else RunFolder.open(run).path


def found_runs(said: list[Path]) -> list[Path]:
    """The folders of the runs that a command line means."""
    return [found_run(each) for each in said]


RunPath = Annotated[Path, typer.Argument(metavar="RUN", help=RUN_HELP, callback=found_run)]


def finished(work: Coroutine[object, object, int]) -> int:
    """The exit code that the work of a verb comes to. Nothing else starts an event loop."""
    import asyncio

    return asyncio.run(work)


def say(message: str) -> None:
    """One line on stderr, if there is anything to say; no secret of the environment is in it."""
    if message:
        from treewright.config.redaction import scrub

        print(line(scrub(message)), file=sys.stderr, flush=True)


def trust(whole: bool, folders: Sequence[Path] | None) -> None:
    """What is opened from now on is trusted as the command line says.

    Raises `ConfigError` for a folder that is not there.
    """
    from treewright.config.trust import Trust, absolute, say_trust

    for folder in folders or ():
        if not folder.is_dir():
            hint = "name the folder that holds the module"
            raise ConfigError("command line", "--python-path", str(folder), "no such folder", hint)
    say_trust(Trust(whole, absolute([str(folder) for folder in folders or ()])))


def checked_config(given: str) -> str:
    """The CONFIG of a command line, which an option or an override in its place is not."""
    if given.startswith("-"):
        checked_overrides([given])
        hint = "CONFIG goes before KEY=VALUE"
        raise ConfigError("command line", given, None, "is no config", hint)
    return given


def checked_overrides(given: Sequence[str] | None, limit: int | None = None) -> list[str]:
    """The overrides, `--limit` among them. A mistyped option is told apart from an override."""
    overrides = list(given or ())
    for text in overrides:
        if text.startswith("-") and "=" not in text:
            elsewhere = text in OPTIONS
            problem = "no option of this command" if elsewhere else "no such option"
            hint = "--help lists those" if elsewhere else suggest(text, OPTIONS)
            raise ConfigError("command line", text, None, problem, hint)
    return overrides if limit is None else [*overrides, f"dataset.limit={limit}"]


def split_names(listed: str | None) -> list[str]:
    """`min,product` as a list; nothing is an empty one."""
    return [name.strip() for name in (listed or "").split(",") if name.strip()]
