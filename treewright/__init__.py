"""Treewright: runs best-of-N and tree-search reasoning experiments from a config to an answer."""
