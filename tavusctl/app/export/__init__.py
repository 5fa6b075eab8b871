"""Export: write the objects of an account as manifests, and bind them."""
