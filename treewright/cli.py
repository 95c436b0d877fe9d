"""The command `treewright`: its verbs, its faults and its exit codes.

What a verb is told stands in `verbs/`, what it does elsewhere. Every import that costs time is
inside the verb that needs it: `--help` needs none of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from search.fault import Fault
from treewright.garbage import collect_seldom
from treewright.hiding import hiding_streams
from treewright.streams import lost_output, steady_streams
from treewright.verbs import caching, checking, exchanging, reading, running, serving, verifying
from treewright.verbs.options import say

EXIT_CODES = """
Exit codes: 0 done · 1 internal error · 2 bad config or usage · 3 more failures than fail_on_error ·
4 not resumable · 130 interrupted (resumable)
"""
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


@app.callback(invoke_without_command=True)
def treewright(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Answer `--version`; the verbs do the rest."""
    if version:
        from treewright.config.fingerprint import installed

        typer.echo(f"treewright {installed('treewright') or 'not installed: run `make setup`'}")
        raise typer.Exit


# In the order in which `--help` lists them.
app.command(context_settings=PASS_ON)(running.run)
app.command(context_settings=PASS_ON)(running.sweep)
app.command()(running.resume)
app.command(context_settings=PASS_ON)(serving.ask)
app.command(context_settings=PASS_ON)(serving.serve)
app.command(context_settings=PASS_ON)(verifying.verify)
app.command()(reading.score)
app.command()(reading.compare)
app.command()(reading.tree)
app.command()(reading.report)
app.command()(reading.view)
app.command("import", context_settings=PASS_ON)(exchanging.import_)
app.command()(exchanging.export)
app.command()(checking.ls)
app.command()(caching.cache)
app.command(context_settings=PASS_ON)(checking.validate)
app.command(context_settings=PASS_ON)(checking.doctor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; every fault becomes one line on stderr and an exit code.

    An interrupt is exit code 130: typer's doing. As a command of its own, without `arguments`, it
    sees to its process first.
    """
    if arguments is None:
        steady_streams()
        collect_seldom()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with hiding_streams():
        try:
            code = int(app(arguments, prog_name="treewright", standalone_mode=False) or 0)
            if lost := lost_output():
                say(f"error: stdout: {lost}; what it was to show is not all there")
            return code or int(lost is not None)
        except Exception as error:  # noqa: BLE001 - the last resort: told in one line, --debug tells all
            if "--debug" in arguments:
                import traceback

                traceback.print_exc()
            message, code = _diagnosis(error)
            say(message)
            return code


def _diagnosis(error: Exception) -> tuple[str, int]:
    """The line to print, and the exit code."""
    if isinstance(error, TyperException):
        message, context = error.format_message(), getattr(error, "ctx", None)
        hint = f"; see `{context.command_path} --help`" if context is not None else ""
        return (f"error: {message.rstrip('.')}{hint}" if message else ""), error.exit_code
    if isinstance(error, Fault):
        return f"error: {error}", error.exit_code
    if isinstance(error, FileNotFoundError) and error.filename is None:  # of `os.getcwd` only
        return "error: the current folder is not there any more; change to one that is", 2
    if isinstance(error, OSError) and error.strerror:
        return f"error: {error.filename or 'output'}: {error.strerror}", 1
    told = f"{type(error).__name__}: {error}"
    return f"internal error: {told} (--debug shows where; please report it)", 1


if __name__ == "__main__":
    sys.exit(main())
