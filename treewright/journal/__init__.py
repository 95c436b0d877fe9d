"""Journal: what was answered, on disk, durable before it is used. Start at `journal`."""
