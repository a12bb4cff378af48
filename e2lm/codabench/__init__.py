"""The competition on Codabench: its bundle, its starting kit, its phases, and a worker that is emulated here."""
