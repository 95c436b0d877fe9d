"""Every kind of policy: the `kind` of a config, and where its configuration class lives.

The module of the class also has `async def build(config) -> Policy`. To add a policy, write such a
module and one line here.
"""

from __future__ import annotations

POLICIES = {
    "qwen": "policies.qwen_config:QwenConfig",
    "scripted": "policies.scripted:ScriptedPolicyConfig",
    "simulated": "policies.simulated:SimulatedPolicyConfig",
    "structured": "policies.structured:StructuredConfig",
}
