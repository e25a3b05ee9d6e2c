"""The embedded stack: NATS, PostgreSQL, a demo DNS server and the workers as child processes, without Docker."""
