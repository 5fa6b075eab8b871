"""Write live values into YAML manifests; every byte that does not have to change stays."""
