"""Objects in versions of their kind that the target no longer serves, or not yet: the well-known moves, and custom kinds."""
