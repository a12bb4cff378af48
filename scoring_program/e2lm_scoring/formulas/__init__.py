"""The scores and diagnostics, one pure function of arrays a file."""
