"""Bytes by name: where a repository's files live. Knows nothing of what is in them."""
