"""Hooks as people write them – annotations, Velero's YAML, documents, flags – and for which pods each is. Pure."""
