"""Runs and their sessions: where they lie, how they go on, and what is replayed of them."""
