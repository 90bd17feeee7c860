# Run as root while the image is built. The package fits the server in the image, whatever its version.
set -eu
version=$(postgres --version)
major=$(echo "$version" | sed 's/[^0-9]*\([0-9]*\).*/\1/')
if [ -e "/usr/share/postgresql/$major/extension/hypopg.control" ] || [ -e /usr/local/share/postgresql/extension/hypopg.control ]; then exit 0; fi
apt-get update
apt-get install -y --no-install-recommends "postgresql-$major-hypopg"
apt-get clean
rm -rf /var/lib/apt/lists/*
