"""How often Python looks for garbage: a command of ours holds much that is none."""

from __future__ import annotations

import gc

NEW_OBJECTS = 50_000
"""So many more objects before Python looks for cycles among the new ones; 700 is its own choice.

What is live while hundreds of searches are in flight is walked through again and again, for cycles
that are few: nearly everything goes when its last reference does. With 512 problems in flight a
driver answers 1.4 to 2 times as many questions per second (`benchmarks.speed.controller`)."""


def collect_seldom() -> None:
    """Let this process look for cycles seldom. For processes of our own, not for a host's."""
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
