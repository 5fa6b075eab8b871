"""What people write, as pydantic models: their fields, their rules, and their JSON Schemas."""
