"""The careful verifier as a kind of scorer, with all keys of ThinkPRM: `careful_kind:Careful`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from careful_verifier import CarefulEngine
from engines.config import Machine
from engines.traits import Traits
from recorded_chains import TOKENIZER
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig


@dataclass(frozen=True)
class Careful(ThinkPrmConfig):
    """It has no checkpoint, and babbles of every so many-th prefix where `odd` is not 0."""

    model: str = ""
    max_tokens: int = 600
    odd: int = 9

    @property
    def traits(self) -> Traits:
        """See `engines.traits.Declares`."""
        return replace(super().traits, model=None, engine=None, machine=Machine())


async def build(config: Careful) -> ThinkPrm:
    """The scorer."""
    return ThinkPrm(config, CarefulEngine(config.odd), TOKENIZER)
