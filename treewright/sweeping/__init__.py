"""Sweeps: cells of a grid, the runs that they share, and the index of what was found."""
