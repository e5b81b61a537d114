#!/bin/sh
# Run once by PostgreSQL's image, when its volume is empty: three roles and a database. The owner makes the tables and
# is no superuser; the gateway's and the worker's are bound by row security. Passwords come from the environment, and
# by a pipe to psql, so that no list of processes shows one.
set -eu

psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set owner_password `printenv OWNER_PASSWORD`
\set app_password `printenv APP_PASSWORD`
\set worker_password `printenv WORKER_PASSWORD`
CREATE ROLE ventanilla_owner LOGIN CREATEROLE PASSWORD :'owner_password';
CREATE ROLE ventanilla_app LOGIN PASSWORD :'app_password';
CREATE ROLE ventanilla_worker LOGIN PASSWORD :'worker_password';
GRANT ventanilla_app, ventanilla_worker TO ventanilla_owner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
CREATE DATABASE ventanilla OWNER ventanilla_owner;
REVOKE ALL ON DATABASE ventanilla FROM PUBLIC;
GRANT CONNECT ON DATABASE ventanilla TO ventanilla_app, ventanilla_worker;
SQL
