"""The program that runs the harness is no module of tests: it imports the harness."""

collect_ignore = ["peer.py"]
