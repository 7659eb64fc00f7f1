"""Images and containers, with podman."""
