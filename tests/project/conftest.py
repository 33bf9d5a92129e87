"""What is here and is no test."""

collect_ignore = ["typed_user.py"]  # it is checked, and never run
