"""The fault that a person can mend: the base of every exception that a verb tells in one line."""

from __future__ import annotations


class Fault(Exception):
    """What is wrong, where, and what to do about it, in one line. It pickles.

    A subclass of a fault is that fault: it keeps its exit code unless it says another one.

        Fault                          1
        ├── StoreError                 1  a cache over runs that cannot be used
        │   ├── StoreDamaged           1  one whose file cannot be read
        │   └── StoreFull              1  one whose disk has no room
        ├── EngineError                1  an engine died or does not start
        ├── GradingError               1  no grading worker can be had
        ├── ClusterError               1  no replica can be had
        │   └── PortUnfit              2  a config by which none can be built
        ├── JournalError               1  a journal cannot be read or written
        ├── RunWriteError              1  a file of a run cannot be written
        ├── ConfigError                2  a config or a command line
        ├── PartError                  2  a part of one's own
        │   └── Untrusted              2  one that a stranger's config names
        ├── UnsafeFile                 2  a file of a run that is none, or a link
        ├── TokenizerError             2  a checkpoint without a usable tokenizer
        │   ├── UnfitModel             2  a reward model's that is not of the family
        │   └── UnfitTokenizer         2  a verifier's that is no ThinkPRM's
        ├── UnfitServer                2  a server that cannot serve a config
        ├── DatasetError               2  a dataset
        ├── RunFolderError             2  a folder that is no run
        ├── LockError                  2  a run that another process has
        ├── SeriesError                2  runs that cannot share engines
        ├── StudyError                 2  a study that cannot be made
        ├── StartRefused               2  a port that cannot be built
        ├── PilotFailed                3  a pilot none of whose problems ended
        ├── NotResumable               4  a run of another config, data or models
        └── ReplayError                4  a search that asks something else than was recorded

    `exit_code` is the command's. `hint` says what to do where `problem` does not yet.
    """

    exit_code: int = 1

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem, hint)
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.problem}; {self.hint}" if self.hint else self.problem
