"""Pure search: what a strategy asks, and how replies become scores and answers.

No engine, no clock, no I/O.
"""
