"""Shared by several kinds: field types, normalisation of reads, messages for known mistakes and failures."""
