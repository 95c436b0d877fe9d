"""How many problems a config asks, told without its data: they may not be on this machine."""

from __future__ import annotations

from benchmarks.datasets.config import DatasetConfig


def is_here(config: DatasetConfig) -> bool:
    """Whether nothing need be downloaded: a file by path, or what is embedded or in the cache.

    So it is of a split that there is none of: reading it tells that.
    """
    if config.named is None or config.path or config.split not in config.named.files:
        return True
    return config.named.is_here(config.split, config.revision)


def told_size(config: DatasetConfig) -> int | None:
    """How many problems are asked of a dataset with a name, None where only its data can tell."""
    named = config.named
    if named is None or config.path or config.revision or config.exclude:
        return None
    rows = named.rows.get(config.split)
    if config.subjects or config.per_subject is not None:
        rows = (config.per_subject or 0) * len(config.subjects) or None
    if rows is None or config.offset >= rows:
        return None
    left = rows - config.offset
    return left if config.limit is None else min(left, config.limit)
