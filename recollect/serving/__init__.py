"""`recollect serve`: both doors in one application, and what an operator looks at."""
