"""What outlives a request, or is shared between processes. Knows records, not what they mean."""
