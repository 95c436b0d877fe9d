"""How files of a run are opened: nothing is followed out of it, nothing is believed of its size."""
