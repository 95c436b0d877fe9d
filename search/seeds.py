"""Every call has its own seed, so a tree does not depend on scheduling or cluster size."""

from __future__ import annotations

from hashlib import blake2b


def call_seed(run_seed: int, *place: str | int) -> int:
    """A 63-bit seed that depends on the run and on the place of the call, and on nothing else.

    `place` is typically problem id, path id, child number. Parts are length-prefixed, so `("a",
    "bc")` and `("ab", "c")` differ.
    """
    hasher = blake2b(digest_size=8)
    for part in (run_seed, *place):
        data = str(part).encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(4, "big") + data)
    return int.from_bytes(hasher.digest(), "big") >> 1
