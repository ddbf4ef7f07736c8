"""Holdfast's speed and memory, measured on a real API server beside the bare requests that no program can do without.

`python -m bench` starts a cluster of the testbed, measures, prints one table and ends with 1 if a floor was missed. What was
measured on which machine, and where the time goes, is in `docs/benchmarks.md`.
"""
