# Run as root while the image is built: the server drives the chromium program.
apt-get update
apt-get install -y --no-install-recommends chromium
apt-get clean
rm -rf /var/lib/apt/lists/*
