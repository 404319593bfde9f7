"""Data keys and sealed boxes: who loses the key has lost the data, and that is how erasure works."""
