#!/bin/sh
# The one user, from the environment, in a file that only this process reads.
set -eu
umask 077
printf '"recollect_login" "%s"\n' "$LOGIN_PASSWORD" > /tmp/users
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
