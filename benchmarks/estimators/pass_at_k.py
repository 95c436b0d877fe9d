"""Is at least one of k draws right? Unbiased, from N ≥ k draws (Chen et al. 2021, *Codex*)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from benchmarks.estimators.chances import Floats


def pass_at_k(candidates: int, correct: int, k: int) -> float:
    """The share of the k-subsets of `candidates` that hold one of the `correct` ones, in [0, 1].

    It is 1 − C(N−c, k) / C(N, k) as a product (Chen et al. 2021), and the unbiased estimate of
    pass@k; 1 − (1 − c/N)^k is too low. A verifier without error would reach it: it is oracle@k too.

    Raises:
        ValueError: k is more than there are candidates, or the counts make no sense.
    """
    if not 0 <= correct <= candidates:
        raise ValueError(f"{correct} of {candidates} candidates cannot be correct")
    return float(1.0 - none_of(candidates, k)[correct])


@lru_cache(maxsize=1024)
def none_of(total: int, n: int) -> Floats:
    """`[r]`: the chance that a random n-subset of `total` holds none of r given ones, r ≤ total.

    Raises ValueError unless 0 ≤ n ≤ total.
    """
    if not 0 <= n <= total:
        raise ValueError(f"no subset of {n} can be drawn from {total} candidates")
    others = np.arange(total, 0, -1, dtype=np.float64)
    factors = np.maximum(others - n, 0.0) / others
    chances = np.concatenate([[1.0], np.cumprod(factors)])
    chances.flags.writeable = False  # it is remembered, so it must stay as it is
    return chances
