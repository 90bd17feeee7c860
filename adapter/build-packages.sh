#!/bin/sh
# Run as root while an image is built: sh build-packages.sh SCRIPT. Runs SCRIPT in /opt/server as a user without rights, where
# there are compilers, and takes these out again. Packages run programs of theirs in it; nothing here is secret.
set -eu
packages() { dpkg-query --show --showformat='${binary:Package}\n' | sort; }
packages > /tmp/packages-before
apt-get update
apt-get install -y --no-install-recommends g++ make
packages > /tmp/packages-after

install -d -m 700 -o 10001 -g 10001 /tmp/build
mkdir /tmp/programs
ln -s /usr/local/lib/node_modules/npm/bin/npm-cli.js /tmp/programs/npm
ln -s /usr/local/lib/node_modules/npm/bin/npx-cli.js /tmp/programs/npx
chown -R 10001:10001 /opt/server
# npm looks for the headers of Node at nodejs.org, unless it is told where they are.
[ ! -f /usr/local/include/node/node.h ] || export npm_config_nodedir=/usr/local
cd /opt/server
HOME=/tmp/build PATH=/tmp/programs:$PATH \
  setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs sh -eu -c "$1"
# A server that could change itself would be another one than was approved.
chown -R root:root /opt/server

comm -13 /tmp/packages-before /tmp/packages-after | xargs -r apt-get purge -y
apt-get clean
rm -rf /var/lib/apt/lists/* /tmp/build /tmp/programs /tmp/packages-before /tmp/packages-after
