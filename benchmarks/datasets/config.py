"""Which problems are asked: the settings `dataset.*` of a config."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from benchmarks.datasets.choices import DEFAULT_FORMAT, OPTION_FORMATS, OptionStyle
from benchmarks.datasets.columns import FIELDS
from benchmarks.datasets.named import DATASETS, NamedDataset, plain_rows
from search.checks import check_choice, check_count, fault

COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class DatasetConfig:
    """Which problems are asked: of a dataset with a `name`, or of the file at `path`."""

    name: str | None = None
    """A dataset that Treewright knows (`treewright ls datasets`); it is downloaded at a pinned
    commit."""
    path: str | None = None
    """A file of JSON (Lines or one array), parquet or CSV. With a `name` too, it is that dataset's
    own file, already here, and its rows are read in that dataset's schema."""
    split: str = "test"
    """Which part of a named dataset; left out with `path`."""
    revision: str | None = None
    """A commit of the named dataset in place of the pinned one, 40 hex digits."""
    limit: int | None = None
    """At most so many rows are asked, counted after `offset`; `null` is all."""
    offset: int = 0
    """So many rows are skipped, of those that all other keys but `limit` leave."""
    shuffle_seed: int | None = None
    """Rows are shuffled with this seed; `null` keeps their order."""
    fields: dict[str, str] = field(default_factory=dict)
    """The columns of `problem`, `answer` and `id`, where their names are not understood by
    themselves; and, where they are to be asked too, of `context`, which is put before the question,
    and of `options`."""
    reference: bool = True
    """Whether rows have a reference answer. Of a file without one (`question`, perhaps `id` and
    `history`, the turns before it) nothing is graded: it is not known which answers are right."""
    subjects: tuple[str, ...] = ()
    """Only rows whose column `subject` says one of these; empty is all."""
    per_subject: int | None = None
    """Of each subject the first so many rows are kept, after the shuffle; a subject with fewer is
    refused. `null` keeps all."""
    exclude: str | None = None
    """A file, or a split of a named dataset (`gsm8k/train`), whose questions are not asked; they
    are compared without letter case and spaces."""
    option_seed: int | None = None
    """Multiple choice only: the seed of the order of a row's options. `null` is as published, but
    for GPQA, which publishes the right one first: there it is 0."""
    option_format: str = DEFAULT_FORMAT
    """Multiple choice only: how options are shown. `letters` is one to a line, and the answer is a
    letter; `list` is a Python list in one line, and the answer is an index from 0, as the policy
    `structured` is asked."""

    def __post_init__(self) -> None:
        if self.name is None and self.path is None:
            raise ValueError(f"name: give either a name ({', '.join(DATASETS)}) or a path")
        if self.name is not None:
            check_choice("name", self.name, list(DATASETS))
        if self.path is not None:
            _check_path("path", self.path)
            if self.split != "test":
                raise fault("split", self.split, "left out with path", "the file is the split")
        if self.exclude is not None:
            _check_path("exclude", self.exclude)
        check_choice("option_format", self.option_format, list(OPTION_FORMATS))
        self._check_name()
        if not self.reference and (self.name is not None or self.fields):
            hint = "it is of a file that you name with path, with the columns question and id"
            raise fault("reference", self.reference, "true here", hint)
        self._check_counts()
        for name in self.fields:
            check_choice("fields", name, list(FIELDS))

    @property
    def named(self) -> NamedDataset | None:
        """The dataset that has this name."""
        return DATASETS[self.name] if self.name is not None else None

    @property
    def multiple_choice(self) -> bool:
        """Whether rows have options that are asked."""
        return "options" in self.fields or (self.named is not None and self.named.multiple_choice)

    @property
    def option_style(self) -> OptionStyle:
        """How options are shown."""
        return OptionStyle(self.option_format, self.option_seed)

    def _check_name(self) -> None:
        """What goes together with a name, and what with this one."""
        embedded = self.named is not None and self.named.repository is None
        if embedded and self.path is not None:
            what = f"{self.name}, which comes with Treewright"
            raise ValueError(f"name: give either the name ({what}) or a path, not both")
        if self.fields and self.named is not None and self.named.read is not plain_rows:
            raise fault("fields", self.fields, f"possible with {self.name}", "leave them out")
        if self.revision is not None:
            if self.named is None or embedded or self.path is not None:
                hint = "it is a commit on the Hub"
                raise fault("revision", self.revision, "possible with a file that is here", hint)
            if not COMMIT.fullmatch(self.revision):
                hint = "a branch or a tag can move"
                raise fault("revision", self.revision, "a commit, 40 digits 0-9 and a-f", hint)
        if not self.multiple_choice:
            self._check_no_options()

    def _check_no_options(self) -> None:
        named = (name for name, known in DATASETS.items() if known.multiple_choice)
        names = ", ".join([*named, "fields.options"])
        if self.option_seed is not None:
            raise fault("option_seed", self.option_seed, "possible here", f"only with {names}")
        if self.option_format != DEFAULT_FORMAT:
            raise fault("option_format", self.option_format, "possible here", f"only with {names}")

    def _check_counts(self) -> None:
        if self.limit is not None:
            check_count("limit", self.limit, 1, "leave it out to take every row")
        if self.per_subject is not None:
            check_count("per_subject", self.per_subject, 1, "leave it out to take every row")
        check_count("offset", self.offset, 0)
        if self.shuffle_seed is not None:
            check_count("shuffle_seed", self.shuffle_seed, 0)
        if self.option_seed is not None:
            check_count("option_seed", self.option_seed, 0)


def _check_path(field: str, path: str) -> None:
    if not path.strip() or "\0" in path:
        raise fault(field, path, "the path of a file")
