"""What syncd tells about itself: events, the log, and messages to systemd."""
