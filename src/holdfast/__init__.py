"""Holdfast: Kubernetes backup you can prove."""
