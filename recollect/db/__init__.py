"""How it is stored: connections, SQL, migrations, and the embedded PostgreSQL."""
