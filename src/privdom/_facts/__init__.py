"""Data that the client and the sandbox both read: paths, verbs, documentation numbers, errcodes, limits."""
