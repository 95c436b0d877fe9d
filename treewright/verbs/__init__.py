"""What each verb is told on the command line, with its help."""
