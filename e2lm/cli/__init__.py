"""One module per command: it parses arguments, calls the libraries, and prints. Libraries never import it."""
