"""Treewright from Python: engines that are up, questions searched on them, recorded runs."""
