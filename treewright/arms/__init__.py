"""An arm, aggregation x selection x n: named, measured, priced and compared here, once for all."""
