"""What the property test of masks and filters is made of: shops with canaries, policies, statements."""
