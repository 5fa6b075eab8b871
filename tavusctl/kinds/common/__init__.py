"""What several kinds have in common: types of fields, reads put right, words for mistakes and failures."""
