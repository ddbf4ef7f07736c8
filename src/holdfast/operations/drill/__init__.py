"""Drills: a backup is restored into a throw-away place, tried, and removed."""
