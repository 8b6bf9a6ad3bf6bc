"""An application as many are: users and tasks in `public`, with an Alembic history of its own."""
