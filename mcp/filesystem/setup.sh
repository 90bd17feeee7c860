# Run as root while the image is built: something to read until a stack binds a directory over it.
mkdir /files
echo "Bind a directory of the host here: litellm-mcp:servers.filesystem.mounts.files" > /files/README
