#!/bin/sh
# The official entrypoint also rewrites "localhost" in the connection URL; this project never passes it.
exec "$@"
