"""The data of claims in a restore: planned with the objects, brought back before what mounts it is made."""
