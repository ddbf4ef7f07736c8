"""Comparing the objects of a backup with those of another one, or of a cluster."""
