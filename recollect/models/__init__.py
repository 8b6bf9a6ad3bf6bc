"""What is stored and what callers see."""
