# Run as root while the image is built: the server starts the git program.
apt-get update
apt-get install -y --no-install-recommends git
apt-get clean
rm -rf /var/lib/apt/lists/*
# Repositories belong to whoever owns them on the host, never to the container's user.
git config --system safe.directory '*'
git init --initial-branch=main /opt/example
cd /opt/example
echo "A repository to try the git server with." > README
git add README
git -c user.name=example -c user.email=example@localhost commit --message "An example"
