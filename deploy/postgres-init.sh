#!/bin/sh
# Once, in a new database: the roles of the schema, and the one that the servers log in as. It owns nothing
# and cannot bypass row security.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
    --set=password="$LOGIN_PASSWORD" <<'SQL'
CREATE ROLE recollect_app NOLOGIN;
CREATE ROLE recollect_search NOLOGIN;
CREATE ROLE recollect_login LOGIN PASSWORD :'password';
GRANT recollect_app TO recollect_login WITH SET TRUE, INHERIT TRUE;
SQL
