"""What the commands of ``python -m kit`` run and show."""
