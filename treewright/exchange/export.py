"""The verb `export`: a run as a file for other tools, written while its journal is replayed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from search.wording import counted
from treewright.errors import ConfigError, suggest
from treewright.exchange.export_inspect import InspectWriter
from treewright.exchange.export_lighteval import LightevalWriter
from treewright.exchange.export_lm_eval import LmEvalWriter
from treewright.exchange.export_sal import CompletionWriter
from treewright.exchange.export_steps import PrefixWriter, StepwiseWriter
from treewright.exchange.output_file import no_file, whole_file
from treewright.exchange.samples import SampleWriter
from treewright.exchange.step_labels import Labelling, LabelRule
from treewright.exchange.writer import Format, Ordered, RunWriter
from treewright.running.controller import Failed
from treewright.running.recorded import RecordedRun
from treewright.running.replay import Replay
from treewright.terminal import clean

FORMATS: Mapping[str, Format] = {
    "parquet": Format("samples.parquet", SampleWriter),
    "sal": Format("sal_completions.jsonl", CompletionWriter, sized=True),
    "lm_eval": Format("samples_lm_eval.jsonl", LmEvalWriter, "row"),
    "lighteval": Format("details_lighteval.parquet", LightevalWriter, "row"),
    "inspect": Format("inspect.eval", InspectWriter, "sample", has_failed=True),
    "trl": Format("stepwise_trl.jsonl", StepwiseWriter, "row", labelled=True),
    "prm": Format("prefixes_prm.jsonl", PrefixWriter, "row", labelled=True),
}
COMMAND_LINE = "command line"


async def export(
    path: Path,
    form: str,
    output: Path | None = None,
    *,
    label: str | None = None,
    threshold: float | None = None,
    force: bool = False,
) -> int:
    """Write a run for another tool.

    Args:
        path: the run.
        form: a key of `FORMATS`.
        output: the file; None: a file of the format's own name in the run's folder, which is made
            anew each time.
        label: a `LabelRule`, for formats with labels only.
        threshold: of probability, likewise.
        force: whether `output` may be there already.

    Returns the exit code. Raises `ConfigError` for what the command line cannot mean, and what
    `RecordedRun` and `whole_file` raise.
    """
    if form not in FORMATS:
        hint = suggest(form, FORMATS)
        raise ConfigError(COMMAND_LINE, "--format", form, "no such format", hint)
    chosen = FORMATS[form]
    labels = labelling(form, label, threshold)
    if output is not None and not force and output.is_file() and not no_file(output):
        hint = "name another file, or say --force"
        raise ConfigError(COMMAND_LINE, "--output", str(output), "is there already", hint)
    run = await RecordedRun.open(path)
    target = output or run.folder.path / chosen.file
    found: Counter[str] = Counter()
    async with run.replay() as replay:
        most = await largest(run, replay) if chosen.sized else 0
        with whole_file(target) as file:
            writer = chosen.open(Ordered(run, file, labels, most))
            try:
                await write(run, replay, writer, found)
                writer.finish()
            finally:
                writer.close()
        run.tell(run.damage(replay.journal.counts, found["pending"]))
    tell(chosen, writer, found, target, len(run.dataset.bad_rows))
    return 0


def labelling(form: str, label: str | None, threshold: float | None) -> Labelling:
    """The labels that are asked for. Raises `ConfigError`."""
    for option, value in (("--label", label), ("--threshold", threshold)):
        if value is not None and not FORMATS[form].labelled:
            names = " and ".join(name for name, each in FORMATS.items() if each.labelled)
            hint = f"only {names} have labels"
            raise ConfigError(COMMAND_LINE, option, value, f"means nothing to {form}", hint)
    if label is not None and label not in list(LabelRule):
        hint = suggest(label, LabelRule)
        raise ConfigError(COMMAND_LINE, "--label", label, "no such rule", hint)
    rule = LabelRule(label or LabelRule.VERDICT)
    if threshold is None:
        return Labelling(rule)
    if rule is not LabelRule.VERDICT:
        hint = "leave it out, or say --label verdict"
        raise ConfigError(COMMAND_LINE, "--threshold", threshold, f"means nothing to {rule}", hint)
    try:
        return Labelling(rule, threshold)
    except ValueError:
        hint = "give a probability from 0 to 1"
        raise ConfigError(COMMAND_LINE, "--threshold", threshold, "is none", hint) from None


async def largest(run: RecordedRun, replay: Replay) -> int:
    """How many candidates a problem has at most."""
    most = 0
    for sample in run.dataset.samples:
        found = await replay.one(sample)
        if found is not None and not isinstance(found, Failed):
            most = max(most, len(found.search.result.candidates))
    return most


async def write(run: RecordedRun, replay: Replay, writer: RunWriter, found: Counter[str]) -> None:
    """Replay the problems one after the other; `found` counts what became of them."""
    for number, sample in enumerate(run.dataset.samples):
        solved = await replay.one(sample)
        if solved is None:
            found["pending"] += 1
        elif isinstance(solved, Failed):
            found["failed"] += 1
            writer.add_failed(number, sample, solved)
        else:
            found["solved"] += 1
            writer.add(number, sample, solved)


def tell(
    chosen: Format, writer: RunWriter, found: Counter[str], target: Path, bad_rows: int
) -> None:
    """Say what was written, and what is not in it."""
    inside = found["solved"] + (found["failed"] if chosen.has_failed else 0)
    problems = counted(inside, "problem")
    print(clean(f"{counted(writer.written, chosen.unit)} of {problems} in {target}"))
    for note in writer.notes():
        print(clean(note), file=sys.stderr)
    lacking = found["pending"] + bad_rows + (0 if chosen.has_failed else found["failed"])
    if lacking:
        print(f"not in it, without a result: {counted(lacking, 'problem')}", file=sys.stderr)
