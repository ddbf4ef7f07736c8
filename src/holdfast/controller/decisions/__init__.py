"""decide(observed, now) → actions, one file per kind. Pure: nothing here asks a cluster or a clock."""
