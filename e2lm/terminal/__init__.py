"""Terminal output of the commands: progress bars and tables."""
