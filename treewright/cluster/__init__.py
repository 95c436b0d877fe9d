"""Cluster: replicas of the two ports, in Ray actors or in this process. Start at `cluster`."""
