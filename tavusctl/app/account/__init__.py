"""What an account has, whether it can be used, and a conversation with it."""
