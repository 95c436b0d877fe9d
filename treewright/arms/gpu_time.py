"""What a run held of GPUs, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass

from search.wording import number, price


@dataclass(frozen=True, slots=True)
class GpuTime:
    """GPU-hours; `cost` in the currency of `cluster.gpu_hour_price`, None without that."""

    hours: float
    cost: float | None = None

    @classmethod
    def of(cls, seconds: float | None, hour_price: float | None) -> GpuTime | None:
        """Of so many GPU-seconds; None where nobody knows of any."""
        if seconds is None:
            return None
        hours = seconds / 3600
        return cls(hours, None if hour_price is None else hours * hour_price)

    def to_json(self) -> dict[str, float]:
        """`gpu_hours`, and `cost` where there is one."""
        return {"gpu_hours": self.hours} | ({} if self.cost is None else {"cost": self.cost})

    def __str__(self) -> str:
        """`GPUs: 3.250 GPU-hours, costs 6.50`."""
        cost = "" if self.cost is None else f", costs {price(self.cost)}"
        return f"GPUs: {number(self.hours)} GPU-hours{cost}"
