"""Opens an untrusted zip or folder and checks its files."""
