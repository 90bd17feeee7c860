# Run as root while the image is built.
set -eu
if command -v age >/dev/null && command -v age-keygen >/dev/null; then exit 0; fi
apt-get update
apt-get install -y --no-install-recommends age
apt-get clean
rm -rf /var/lib/apt/lists/*
