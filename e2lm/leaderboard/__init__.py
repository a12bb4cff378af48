"""The leaderboard of scored runs: a ranking with ties and prizes, its files, and the public site."""
