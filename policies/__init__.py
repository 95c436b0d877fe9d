"""Policies: what proposes steps. Generators behind the `Policy` port, and the engines they run on."""
