"""The competition on Codabench: its bundle, its starting kit, its phases, and an emulated worker."""
