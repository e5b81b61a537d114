"""What the people who run the gateway see of it: ids in every line, counts, spans. Never what was sent, nor any key."""
