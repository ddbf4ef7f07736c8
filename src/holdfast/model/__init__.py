"""Frozen data and protocols that all layers share. No I/O."""
