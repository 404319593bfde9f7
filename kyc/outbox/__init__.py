"""Jobs: the durable hand-off from a committed change to a worker."""
