"""What all resources share for bodies: fields, patches, names, lists."""
