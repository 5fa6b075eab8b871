"""Secret values, how they are recognised, and how they are kept out of what people read."""
