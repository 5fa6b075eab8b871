"""What goes with a plan: options, plan file, authors, what stops it, and how it is carried out."""
