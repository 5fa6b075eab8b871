"""Incremental plans: objects that nothing has changed since they were compared last are not compared again."""
