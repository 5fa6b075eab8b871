"""What every resource does with bodies: fields, patches, names, lists."""
