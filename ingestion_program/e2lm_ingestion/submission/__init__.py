"""A stranger's zip or folder -> checked files."""
