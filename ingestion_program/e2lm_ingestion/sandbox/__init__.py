"""Reads untrusted templates, data files and patterns in a child process with limits on time, memory and files."""
