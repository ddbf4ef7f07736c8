"""The limits of a namespace that is restored into: quotas, limit ranges, Pod Security. Judged beforehand, without requests.

An API server judges a bare Pod by itself, but of a Deployment it learns only later that its pods cannot be made.
"""
