"""The lint rules, one module for each subject."""
