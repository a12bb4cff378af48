"""Templates, data files and patterns of strangers, handled in a child process with little time, memory and no files."""
