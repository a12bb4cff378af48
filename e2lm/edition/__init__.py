"""One edition of the competition: edition.yaml, what templates are filled with, and checks of what pages state."""
