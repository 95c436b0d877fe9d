"""Scorers: what judges partial solutions. Verifiers behind the `Scorer` port."""
