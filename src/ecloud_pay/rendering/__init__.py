"""What people and scripts see: domain objects in, text out."""
