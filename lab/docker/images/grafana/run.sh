#!/bin/sh
export HOME="$GF_PATHS_HOME"
exec python3 /usr/share/grafana/stand_in.py
