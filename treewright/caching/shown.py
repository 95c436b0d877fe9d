"""The verb `cache`: what is kept, how large it is, and how it is forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from search.wording import size, whole
from treewright.caching.faults import StoreDamaged, StoreFull
from treewright.caching.place import FILE, expanded, shared_folder
from treewright.caching.store import GIB, Holding, ReplyStore
from treewright.terminal import line


def show(folder: Path | None, *, as_json: bool = False) -> int:
    """Print what the cache in a folder has of each model; None is the shared one.

    Raises `StoreError`.
    """
    file = file_in(folder)
    held: list[Holding] = []
    used = 0
    if file.exists():
        store = ReplyStore(file)
        held, used = store.holdings(), store.size()
        store.close()
    if as_json:
        print(json.dumps({"file": str(file), "bytes": used, "rows": list(map(row, held))}))
        return 0
    total = replies(sum(each.replies for each in held))
    print(line(f"{file}: {total}, {size(used / GIB)}"))
    for each in held:
        print(f"  {line(described(each))}")
    return 0


def clear(folder: Path | None, unused_days: int, *, as_json: bool = False) -> int:
    """Forget what was not used for so many days, 0: all. A file that cannot be read is removed.

    Raises `StoreError`.
    """
    file = file_in(folder)
    gone: int | None = 0
    if file.exists():
        gone = cleared(file, unused_days)
    if as_json:
        print(json.dumps({"file": str(file), "forgotten": gone}))
    else:
        what = "the file, which cannot be read" if gone is None else replies(gone)
        print(line(f"{file}: forgot {what}"))
    return 0


def cleared(file: Path, unused_days: int) -> int | None:
    """How many replies were forgotten; None where the file could not be read, and is gone now."""
    try:
        store = ReplyStore(file)
        try:
            return store.clear(unused_days)
        except StoreFull:
            if unused_days:
                raise
            gone = sum(held.replies for held in store.holdings())
            remove(file)  # to take replies out of it needs room that there is not
            return gone
        finally:
            store.close()
    except StoreDamaged:
        remove(file)
        return None


def remove(file: Path) -> None:
    """The file, and those that SQLite has beside it."""
    for name in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        name.unlink(missing_ok=True)


def file_in(folder: Path | None) -> Path:
    """The file of the cache in a folder."""
    return (expanded(str(folder)) if folder else shared_folder()) / FILE


def described(held: Holding) -> str:
    """What there is of one model."""
    part = held.part
    named = " ".join(filter(None, (part.side, part.kind, part.model)))
    told = f"{replies(held.replies)}, {size(held.size / GIB)}, used {day(held.used)}"
    return f"{named} ({part.identity[:8]}): {told}"


def row(held: Holding) -> dict[str, object]:
    """The same of one model, for JSON."""
    return {
        "side": held.part.side,
        "kind": held.part.kind,
        "model": held.part.model or None,
        "identity": held.part.identity,
        "replies": held.replies,
        "bytes": held.size,
        "used": day(held.used),
    }


def replies(number: int) -> str:
    """`1 reply`, `2,000 replies`."""
    return f"{whole(number)} {'reply' if number == 1 else 'replies'}"


def day(seconds: int) -> str:
    """`2026-11-28`, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
