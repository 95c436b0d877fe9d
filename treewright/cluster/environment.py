"""The environment variables that replicas get as they are where the run is started."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from engines.traits import Part, traits_of

CARRIED = ("HF_", "HUGGINGFACE_", "TRANSFORMERS_", "VLLM_")
"""What these begin with is about models and engines."""
OF_A_NODE = frozenset({"VLLM_HOST_IP", "VLLM_PORT", "VLLM_LOOPBACK_IP"})
"""But these are about one machine."""


def carried(names: Iterable[str], parts: Iterable[Part]) -> Mapping[str, str]:
    """Those that are set here: by their beginning, by `names`, and as keys of the parts' engines.

    They are secret as far as keys are: they go to the replica's process as arguments, and are shown
    by no dashboard.
    """
    wanted = {*names, *(name for part in parts for name in traits_of(part).key_variables.values())}
    return {
        name: value
        for name, value in os.environ.items()
        if name in wanted or (name.startswith(CARRIED) and name not in OF_A_NODE)
    }
