"""Classes of models that vLLM does not have. vLLM alone imports it, by the name it is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vllm.model_executor.layers.linear import ReplicatedLinear
from vllm.model_executor.layers.pooler.tokwise import pooler_for_token_classify
from vllm.model_executor.models.interfaces_base import default_pooling_type
from vllm.model_executor.models.qwen2_rm import Qwen2RewardBaseModel
from vllm.model_executor.models.utils import AutoWeightsLoader, WeightsMapper


@default_pooling_type(tok_pooling_type="ALL")
class Qwen2ForPrmModel(Qwen2RewardBaseModel):  # type: ignore[misc]  # vLLM is not followed
    """Skywork-o1-Open-PRM: a Qwen2 whose value head gives every token one number.

    The checkpoint calls the head's one layer `v_head.summary`, and the rest as Qwen2 does.
    """

    def __init__(self, *, vllm_config: Any, prefix: str = "") -> None:
        config = vllm_config.model_config
        config.hf_config.num_labels = 1
        super().__init__(vllm_config=vllm_config, prefix=prefix)
        self.score = ReplicatedLinear(
            config.hf_config.hidden_size, 1, params_dtype=self.head_dtype, return_bias=False
        )
        self.pooler = pooler_for_token_classify(config.pooler_config)

    def load_weights(self, weights: Iterable[tuple[str, Any]]) -> set[str]:
        """Of a checkpoint's names and tensors; the language model's own head is not used."""
        loader = AutoWeightsLoader(self, ignore_unexpected_prefixes=["lm_head."])
        own = WeightsMapper(orig_to_new_prefix={"v_head.summary.": "score."})
        loaded: set[str] = loader.load_weights(weights, mapper=own)
        return loaded
