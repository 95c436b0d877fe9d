"""The verbs that look before anything runs: `ls`, `validate` and `doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from treewright.errors import ConfigError, suggest
from treewright.verbs.options import (
    ConfigPath,
    Debug,
    Json,
    Limit,
    Overrides,
    PythonPath,
    Trusted,
    checked_config,
    checked_overrides,
    finished,
    trust,
)

LISTED = (
    "runs",
    "verifications",
    "policies",
    "scorers",
    "strategies",
    "presets",
    "aggregations",
    "selections",
    "datasets",
    "configs",
)


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


def validate(
    config: ConfigPath,
    overrides: Overrides = None,
    limit: Limit = None,
    pilot: Annotated[
        int | None,
        typer.Option(
            "--pilot",
            metavar="N",
            min=2,
            help="Run N problems, and say what tokens, time and GPU-hours all will take.",
        ),
    ] = None,
    as_json: Json = False,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Say what a config would run and what it would cost at most.

    Loads no model and starts no engine, unless `--pilot` says so: then it runs N of the problems,
    drawn at random, in a temporary folder, and leaves no run behind.

    **Examples**

    - `treewright validate math500_qwen25_thinkprm strategy.n=64`
    - `treewright validate quickstart --pilot 8`
    """
    trust(trusted, python_path)
    if pilot is not None:
        from treewright.validate import validate_with_pilot

        changes = checked_overrides(overrides, limit)
        return finished(
            validate_with_pilot(checked_config(config), changes, pilot, as_json=as_json)
        )
    from treewright.validate import validate as check

    return check(checked_config(config), checked_overrides(overrides, limit), as_json=as_json)


def doctor(
    config: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="Also check its models and prompts.")
    ] = None,
    overrides: Overrides = None,
    as_json: Json = False,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Check this machine, and the models of a config, and say what to do about what is amiss.

    Exit code 2 when a check failed; warnings do not count.

    **Examples**

    - `treewright doctor`
    - `treewright doctor quickstart`
    """
    trust(trusted, python_path)
    from treewright.doctor.doctor import doctor as examine

    return examine(config and checked_config(config), checked_overrides(overrides), as_json=as_json)
