"""From an update to its end: what is planned, published, and waited for."""
