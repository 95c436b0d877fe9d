"""The verb `cache`: what is kept of earlier runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treewright.verbs.options import Debug, Json


def cache(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="As `scorer.cache` names it; else the shared one."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Forget it, all or what is old.")] = False,
    unused: Annotated[
        int,
        typer.Option("--unused", metavar="DAYS", min=0, help="Only what was not used for so long."),
    ] = 0,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Show the judgements and draws that are kept for other runs, by model, or forget them.

    Runs keep them where `scorer.cache` or `policy.cache` says so. Nothing else is lost with them:
    what a run was told stands in its own journal.

    **Examples**

    - `treewright cache`
    - `treewright cache --clear --unused 30`
    """
    from treewright.caching import shown
    from treewright.errors import ConfigError

    if unused and not clear:
        raise ConfigError("command line", "--unused", str(unused), "is for --clear", "add --clear")
    if clear:
        return shown.clear(folder, unused, as_json=as_json)
    return shown.show(folder, as_json=as_json)
