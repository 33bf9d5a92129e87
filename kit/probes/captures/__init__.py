"""What was recorded, in memory and in files; docs/capture-format.md tells these byte by byte."""
