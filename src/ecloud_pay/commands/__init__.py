"""What people type: one thin file a command, parse → call → render."""
