"""Bytes to bytes, without I/O: hashing, compression, encryption, chunking."""
