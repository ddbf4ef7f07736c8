"""File trees of volumes: reading them with all their metadata, and writing them back. Knows no repository."""
