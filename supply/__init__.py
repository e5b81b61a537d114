"""What the gateway is made of: read from its lock files, written down, and asked after."""
