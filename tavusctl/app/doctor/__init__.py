"""What a command needs, looked at one by one: for somebody to whom nothing works yet."""
