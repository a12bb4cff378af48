"""What the commands draw on a terminal: progress bars and tables."""
