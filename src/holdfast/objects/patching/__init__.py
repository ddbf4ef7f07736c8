"""Patches of objects: JSON, merge and strategic merge patches, whom they are for, and the files they come from."""
