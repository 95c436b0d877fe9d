"""Config: from YAML files and a command line to checked dataclasses. Start at `load`."""
