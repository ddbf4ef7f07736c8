"""Running hooks: around a backup, for dumps, after a restore."""
