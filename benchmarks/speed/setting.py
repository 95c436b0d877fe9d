"""What a speed benchmark simulates: one engine for the policy, one for the verifier.

Steps have 60 tokens on average. The verifier writes 150 for each step of a path, anew at each call,
up to the first step that it finds wrong, as ThinkPRM does. All times are assumptions, not
measurements: a token of the policy takes 8 ms, as of a 7B model on a data-centre GPU, one of the
verifier, with 1.5B parameters, a quarter of that.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.token_clock import Timing
from policies.simulated import SimulatedPolicy, SimulatedPolicyConfig
from scorers.simulated import SimulatedScorer, SimulatedScorerConfig

BYTES_PER_TOKEN = 4
"""The doubles write a token per byte, and a step needs some 40 of them. To let steps be short as
well as long, four bytes count as one token here."""
STEP_TOKENS = 60
CRITIQUE_TOKENS = 150
STEPS, SPREAD = 8, 2
"""A solution has from 6 to 10 steps."""


@dataclass(frozen=True)
class Setting:
    """A search and the engines that it runs on.

    `length_cv`: coefficient of variation of steps and critiques. `verifier_pace`: how long a token
    of the verifier takes, where one of the policy takes 1. `batch_seconds`, `slots`: see `Timing`.
    `at_once`: problems that are searched side by side on the same engines.
    """

    name: str
    paths: int = 16
    children: int = 4
    length_cv: float = 0.6
    verifier_pace: float = 0.25
    batch_seconds: float = 4e-5
    slots: int = 128
    at_once: int = 1

    def policy(self, speed: float) -> SimulatedPolicy:
        """A new policy engine, `speed` times faster than said."""
        return SimulatedPolicy(self.policy_config(speed))

    def policy_config(self, speed: float) -> SimulatedPolicyConfig:
        """What it is made of."""
        return SimulatedPolicyConfig(
            steps=STEPS,
            spread=SPREAD,
            step_tokens=STEP_TOKENS * BYTES_PER_TOKEN,
            length_cv=self.length_cv,
            timing=self.timing(speed),
        )

    def scorer(self, speed: float) -> SimulatedScorer:
        """A new verifier engine, `speed` times faster than said."""
        return SimulatedScorer(self.scorer_config(speed))

    def scorer_config(self, speed: float) -> SimulatedScorerConfig:
        """What it is made of."""
        return SimulatedScorerConfig(
            critique_tokens=CRITIQUE_TOKENS * BYTES_PER_TOKEN,
            length_cv=self.length_cv,
            timing=self.timing(speed / self.verifier_pace),
        )

    def timing(self, speed: float) -> Timing:
        """The policy's time per token, `speed` times faster."""
        return Timing(
            prefill_seconds=2e-5,
            decode_seconds=0.008,
            batch_seconds=self.batch_seconds,
            slots=self.slots,
            speed=speed * BYTES_PER_TOKEN,
        )
