"""YaRN: a longer context than a model was trained for, by other rotary embeddings (2309.00071)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

THETA = 10_000.0
"""The base of rotary embeddings where config.json names none."""


def scaled_already(config: Mapping[str, Any]) -> bool:
    """Whether a model's config.json scales its rotary embeddings itself."""
    own = config.get("rope_scaling") or config.get("rope_parameters") or {}
    return str(own.get("rope_type", own.get("type", "default"))) != "default"


def yarn(config: Mapping[str, Any], factor: float) -> dict[str, object]:
    """What vLLM's `hf_overrides` must say of a model with this config.json.

    vLLM takes `max_position_embeddings` for scaled already.
    """
    trained = int(config["max_position_embeddings"])
    parameters = config.get("rope_parameters") or {}
    theta = parameters.get("rope_theta", config.get("rope_theta", THETA))
    scaling = {
        "rope_type": "yarn",
        "rope_theta": theta,
        "factor": factor,
        "original_max_position_embeddings": trained,
    }
    return {"rope_parameters": scaling, "max_position_embeddings": int(trained * factor)}
