"""Objects that exist already: surveyed for an export, bound to addresses, or there under names that the state lacks."""
