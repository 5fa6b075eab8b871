"""What keeps a plan from doing harm: whose account it is, what is protected, what is read for the first time."""
