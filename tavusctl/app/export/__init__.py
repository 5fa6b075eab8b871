"""From what an account has to manifests."""
