"""Policies: generators of steps behind the `Policy` port, and the engines they run on."""
