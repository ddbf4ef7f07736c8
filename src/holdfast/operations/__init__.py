"""The use cases: options, then a plan, its check, its execution and a report."""
