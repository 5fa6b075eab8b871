"""How a plan looks on a terminal: lines that fit, colours, and fields line by line."""
