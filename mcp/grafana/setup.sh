# Run as root while the image is built. The package's launcher makes its program executable at every start, which a read-only disk
# refuses: so it is made so here, and put in the launcher's place.
program=$(echo /opt/server/venv/lib/python3*/site-packages/mcp_grafana/bin/mcp-grafana)
chmod 755 "$program"
ln -sf "$program" /opt/server/venv/bin/mcp-grafana
