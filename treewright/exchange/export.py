"""The verb `export`: the candidates of a run as a file for other tools."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from search.wording import counted
from treewright.errors import ConfigError, suggest
from treewright.exchange.export_sal import write_completions
from treewright.exchange.samples import write_samples
from treewright.running.recorded import RecordedRun
from treewright.running.replay import Known
from treewright.terminal import clean


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the file's name in the run's folder, and who writes it."""

    file: str
    write: Callable[[RecordedRun, Known, Path], int]


FORMATS: Mapping[str, Format] = {
    "parquet": Format("samples.parquet", write_samples),
    "sal": Format("sal_completions.jsonl", write_completions),
}


async def export(path: Path, form: str, output: Path | None = None) -> int:
    """Write a run's candidates; `output` None: into its folder.

    Returns the exit code. Raises `ConfigError` for a format that there is not, and what
    `RecordedRun` and `whole_file` raise.
    """
    if form not in FORMATS:
        hint = suggest(form, FORMATS)
        raise ConfigError("command line", "--format", form, "no such format", hint)
    run = await RecordedRun.open(path)
    known = await run.read()
    run.tell(known.damage)
    target = output or run.folder.path / FORMATS[form].file
    written = FORMATS[form].write(run, known, target)
    problems = counted(len(known.solved), "problem")
    print(clean(f"{counted(written, 'candidate')} of {problems} in {target}"))
    if lacking := len(known.failed) + len(known.pending) + len(run.dataset.bad_rows):
        print(f"not in it, without a result: {counted(lacking, 'problem')}", file=sys.stderr)
    return 0
