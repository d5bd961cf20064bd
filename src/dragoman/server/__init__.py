"""What a server is: its features and how one request is answered. Knows no wire."""
