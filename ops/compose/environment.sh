#!/bin/sh
# Prints what compose.yaml wants to know: where people come to, and secrets that are this installation's alone.
#   sh ops/compose/environment.sh https://ventanilla.example > .env
set -eu

if [ "$#" -ne 1 ]; then
    echo "usage: sh $0 https://NAME > .env" >&2
    exit 2
fi

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

echo "PUBLIC_URL=$1"
for name in SECRET_KEY ADMIN_PASSWORD OWNER_PASSWORD APP_PASSWORD WORKER_PASSWORD STORE_KEY STORE_SECRET; do
    echo "$name=$(random)"
done
