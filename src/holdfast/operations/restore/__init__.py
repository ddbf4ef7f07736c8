"""Restoring an application: plan, check, execute, report."""
