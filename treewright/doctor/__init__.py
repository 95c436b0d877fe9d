"""Doctor: checks of this machine and of a config's models. Start at `doctor`."""
