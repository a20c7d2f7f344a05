"""OpenCode V1: reading, client, server, sensor, actuator."""
