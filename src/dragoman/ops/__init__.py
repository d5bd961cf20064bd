"""Operations: how a server is configured, and later watched, limited and recorded."""
