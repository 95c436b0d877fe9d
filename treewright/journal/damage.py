"""What is amiss with a journal: how it is counted, and how it is told, by every verb alike."""

from __future__ import annotations

from dataclasses import dataclass

from search.fault import Fault

NOT_OURS = "no Treewright writes that: the file was changed, do not trust the run"


class JournalError(Fault):
    """The journal cannot be read or written. One line: the path, why, and what to do."""


@dataclass(slots=True)
class JournalCounts:
    """What was found and written.

    `torn`: bytes of last lines that a kill cut off. `corrupt`: lines whose CRC does not fit.
    `duplicates`: records of a call that was recorded before; they are ignored.
    """

    records: int = 0
    torn: int = 0
    corrupt: int = 0
    duplicates: int = 0

    def damage(self, holes: int = 0) -> str:
        """What a person should hear, a sentence without its end; empty when all is well.

        `holes`: problems of a complete run that the journal answers no more. What is left out is
        asked again when the run goes on.
        """
        notes = {
            ("corrupt line", "left out"): self.corrupt,
            ("torn byte", "left out"): self.torn,
            ("duplicate", "ignored"): self.duplicates,
            ("ended problem", "without its answers"): holes,
        }
        told = [
            f"{count} {what}{'' if count == 1 else 's'} {fate}"
            for (what, fate), count in notes.items()
            if count
        ]
        return f"the journal is not whole: {', '.join(told)}" if told else ""
