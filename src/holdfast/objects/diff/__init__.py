"""What differs between two objects, field by field, without what the server and its controllers write."""
