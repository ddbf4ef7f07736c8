"""restic's repository format version 2: written, read and checked."""
