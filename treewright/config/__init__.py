"""Config: from YAML files and a command line to checked dataclasses. Start at `load`.

1. Text becomes nodes, each with its place (`yamlfile`); a mapping of Python does too.
2. Files, what they extend and overrides merge into one tree of nodes (`compose`, `sweep`).
3. Nodes are fitted to the types of the fields: plain data, what config.yaml keeps (`schema`).
4. Defaults are put underneath, `${…}` resolved and fitted, dataclasses made (`resolving`).
5. The config is checked as a whole (`checks`, `combination`) and identified (`fingerprint`).
"""
