"""What is read from manifests, kept from one run to the next."""
