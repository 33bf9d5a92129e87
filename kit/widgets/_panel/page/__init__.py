"""The panel's page: what Python says of it, and the scripts and styles that draw it."""
