#!/usr/bin/env bash
# Makes backups in the form of `npm run backup`, without the stack's state and settings, which are not on the host. With
# $RECIPIENTS each part is encrypted for them, and nothing is written down that is not.
#   nightly.sh           for ever, each day at $AT; at once where the last time was missed
#   nightly.sh now       one at once
#   nightly.sh health    says what is wrong, with exit code 1, or which is the newest; waits for the first. Writes the same to $TOLD
#   nightly.sh status    the same at this moment, as JSON
#   nightly.sh accept    the last one is much smaller than the one before, and is meant to be
set -euo pipefail
umask 077

# Apart from files of `npm run backup`, which have the same names and are not this program's to remove.
folder=$BACKUPS/nightly-$STACK
unfinished=$folder/.unfinished
# Bytes and name of each backup that was read to its end.
sizes=$folder/.sizes
# What the last one had: a name, a number and its unit a line.
contents=$folder/.contents
# Beside a backup that has much less than the one before.
small=$folder/.small
# Why the last one failed. In the folder, so that it is known when the container was started again; in memory while the disk
# takes nothing, and newer than one in the folder then.
failed=$folder/.failed
failed_in_memory=$RUNTIME/failed
lock=$RUNTIME/lock
most_age=$((26 * 3600))
most_time=6h

all() { find "$folder" -maxdepth 1 -name "$STACK-*Z.tar" -printf '%f\n' | sort -r; }

# Those that still have the size that they had when they were read, the newest first.
good() {
  local name
  for name in $(all); do
    if grep -qxF "$(stat -c %s "$folder/$name") $name" "$sizes"; then echo "$name"; fi
  done
}

damaged() { comm -23 <(all | sort) <(good | sort); }

# lan-2026-11-22T03-30-00Z.tar is 2026-11-22T03:30:00Z
made() {
  local time=${1#"$STACK-"}
  echo "${time:0:13}:${time:14:2}:${time:17:2}Z"
}
seconds() { date -d "$1" +%s; }
minute() { date -u -d "$1" '+%Y-%m-%d %H:%M UTC'; }

one_line() { tr '\000-\037' ' ' | tail -c 600; }
json_text() { sed 's/[\\"]/\\&/g'; }

failure() {
  local file
  for file in "$failed_in_memory" "$failed"; do
    if [ -s "$file" ]; then
      echo "$file"
      return
    fi
  done
}

fails() {
  cat <<<"$1" >"$failed_in_memory"
  if { cat <<<"$1" >"$failed.new" && mv -T "$failed.new" "$failed"; } 2>/dev/null; then rm "$failed_in_memory"; fi
}

# Opens this one backup again while it is made, and is nowhere but in the memory of this process.
own_identity=''
suffix=''
if [ -n "${RECIPIENTS:-}" ]; then suffix=.age; fi

sealed() {
  local recipients=() one
  if [ -z "$suffix" ]; then
    cat
    return
  fi
  for one in $RECIPIENTS "$(age-keygen -y <<<"$own_identity")"; do recipients+=(-r "$one"); done
  age "${recipients[@]}"
}

opened() { if [ -z "$suffix" ]; then cat; else age --decrypt --identity <(echo "$own_identity"); fi; }

encryption() {
  local separator='' one
  if [ -z "$suffix" ]; then return; fi
  printf '"encryption":{"tool":"age","recipients":['
  for one in $RECIPIENTS; do
    printf '%s"%s"' "$separator" "$one"
    separator=,
  done
  printf ']},'
}

part() {
  printf '{"name":"%s","bytes":%s,"sha256":"%s"}' "$1" "$(stat -c %s "$1")" "$(sha256sum "$1" | cut -d' ' -f1)"
}

# Prints the number of rows and the name of each table that a script of pg_dump fills. In its form each row is one line,
# and a line of data is never `\.`.
count_rows() {
  awk '
    inside && $0 == "\\." { printf "%.0f\t%s\n", rows, table; inside = 0; next }
    inside { rows += 1; next }
    /^COPY .* FROM stdin;$/ { table = $0; sub(/^COPY /, "", table); sub(/ (\(.*\))? ?FROM stdin;$/, "", table); rows = 0; inside = 1 }'
}

database() {
  pg_dump --no-password --format=custom --lock-wait-timeout=60s --dbname "$1" | sealed >"$1.dump$suffix"
  # Reads all of it, and not its list of contents alone, to the last byte, which is when age knows that nothing is missing.
  opened <"$1.dump$suffix" | { pg_restore --data-only --file=- && cat >/dev/null; } | count_rows >rows
  awk -F'\t' -v name="$1" '{ rows += $1 } END { printf "%s %.0f rows\n", name, rows }' rows >>contents
  printf '{"name":"%s","part":%s,"rows":{' "$1" "$(part "$1.dump$suffix")"
  json_text <rows | awk -F'\t' '{ printf "%s\"%s\":%s", (NR > 1 ? "," : ""), $2, $1 }'
  rm rows
  printf '}}'
}

# A file that changes meanwhile is no error here (exit code 1): two readings are compared, or, of the record of calls, which
# only grows by whole lines, whoever reads it leaves out a last one that is not whole.
archive() {
  { tar --sort=name --format=gnu -C "$VOLUMES" -cf - "$1" 2>complaint || [ $? = 1 ]; } | gzip -n | sealed >"$1.tar.gz$suffix" || {
    cat complaint >&2
    return 1
  }
}

volume() {
  local try before='' now
  archive "$1"
  case $1 in
    mcp-*)
      for try in 1 2 3 4 5; do
        now=$(opened <"$1.tar.gz$suffix" | sha256sum)
        if [ "$now" = "$before" ]; then break; fi
        if [ "$try" = 5 ]; then
          echo "volume $1: its server writes all the time, so no reading of 5 is whole" >&2
          return 1
        fi
        before=$now
        archive "$1"
      done
      ;;
  esac
  echo "$1 $(stat -c %s "$1.tar.gz$suffix") bytes" >>contents
  printf '{"name":"%s","part":%s}' "$1" "$(part "$1.tar.gz$suffix")"
}

joined() {
  local separator=''
  for one in "${@:2}"; do
    printf '%s' "$separator"
    "$1" "$one"
    separator=,
  done
}

# Whether each part of a file is as its manifest says, and the manifest as its sum.
whole() {
  local name wanted found manifest
  manifest=$(tar -xOf "$1" manifest.json 2>&1) || return 1
  found=$(printf '%s\n' "$manifest" | sha256sum | cut -d' ' -f1)
  wanted=$(tar -xOf "$1" manifest.json.sha256 2>&1) || return 1
  if [ "$found" != "${wanted%% *}" ]; then return 1; fi
  while IFS=$'\t' read -r name wanted; do
    found=$(tar -xOf "$1" "$name" 2>"$RUNTIME/complaint" | sha256sum | cut -d' ' -f1) || return 1
    if [ "$found" != "$wanted" ]; then return 1; fi
  done < <(grep -o '"name":"[^"]*","bytes":[0-9]*,"sha256":"[0-9a-f]*"' <<<"$manifest" |
    sed 's/"name":"\(.*\)","bytes":.*,"sha256":"\(.*\)"/\1\t\2/')
}

# Whatever had a thousand rows or bytes and has less than half of them now.
shrunken() {
  awk '
    FILENAME == ARGV[1] { had[$1] = $2; next }
    had[$1] >= 1000 && $2 * 2 < had[$1] { printf "%s%s has %s %s and had %s", (said ? ", " : ""), $1, $2, $3, had[$1]; said = 1 }' \
    "$contents" "$unfinished/contents"
}

# All are read again, so that none counts that somebody or a disk has spoilt since.
look_again() {
  local name
  for name in $(all); do
    if whole "$folder/$name"; then echo "$(stat -c %s "$folder/$name") $name"; fi
  done >"$sizes.new"
  mv "$sizes.new" "$sizes"
}

make() {
  local name version less parts dumped archived
  rm -rf "$unfinished"
  mkdir "$unfinished"
  trap 'rm -rf "$unfinished"' EXIT
  cd "$unfinished"
  touch contents "$contents"
  if [ -n "$suffix" ]; then own_identity=$(age-keygen 2>/dev/null); fi
  name=$STACK-$(date -u +%Y-%m-%dT%H-%M-%SZ)
  version=$(psql --no-password -XAt -d postgres -c 'SHOW server_version_num')
  read -ra dumped <<<"$DATABASES"
  read -ra archived <<<"$STORED"
  {
    printf '{"format":1,"project":"%s","stack":"%s","created":"%s",' "$PROJECT" "$STACK" "$(made "$name")"
    printf '"versions":{"program":"%s","litellm":"%s","postgres":%s},' "$PROGRAM" "$LITELLM" "$version"
    encryption
    printf '"databases":['
    joined database "${dumped[@]}"
    printf '],"volumes":['
    joined volume "${archived[@]}"
    printf ']}\n'
  } >manifest.json
  sha256sum manifest.json >manifest.json.sha256
  parts=("${dumped[@]/%/.dump$suffix}" "${archived[@]/%/.tar.gz$suffix}")
  tar --format=gnu --owner=0 --group=0 -cf backup manifest.json manifest.json.sha256 "${parts[@]}"
  sync backup
  # What is on the disk, and not what was written.
  if ! whole backup; then
    echo "what was written is something else when it is read again: look at the disk" >&2
    return 1
  fi

  less=$(shrunken)
  if [ -n "$less" ]; then
    rm -f "$folder/$STACK"-*.small.tar
    mv contents "$small.contents"
    mv backup "$folder/$name.small.tar"
    echo "$less" >"$small"
    echo "$name.small.tar"
    return
  fi
  rm -f "$small" "$small.contents" "$folder/$STACK"-*.small.tar
  mv contents "$contents"
  # Before it has its name: without its size it would count for damaged.
  echo "$(stat -c %s backup) $name.tar" >>"$sizes"
  mv backup "$folder/$name.tar"
  sync "$folder"
  look_again
  # Only now, and never the new one; what is damaged counts for none, and is not removed.
  good | tail -n "+$((KEEP + 1))" | sed "s|^|$folder/|" | xargs -r rm --
  echo "$name.tar"
}

attempt() {
  local said code=0
  said=$(timeout "$most_time" bash "$0" make 2>&1) || code=$?
  if [ "$code" = 0 ]; then
    rm -f "$failed" "$failed_in_memory"
    echo "$said"
    return
  fi
  if [ "$code" = 124 ]; then said="it had not ended after $most_time. $said"; fi
  fails "$(printf 'the backup of %s failed: %s (free on its disk: %s)' "$(date -u '+%Y-%m-%d %H:%M UTC')" \
    "$(one_line <<<"$said" | sed 's/ *$//')" "$(df --output=avail -h "$folder" | tail -n 1 | tr -d ' ')")"
}

# Two at once would write the same files.
alone() { (
  flock 9
  "$@" 9>&-
) 9>"$lock"; }

# A line for each thing that is wrong, with what to do.
problems() {
  local newest name found failure
  mapfile -t found < <(good)
  newest=${found[0]:-}
  failure=$(failure)
  if [ -n "$failure" ]; then
    echo "$(<"$failure"). It is tried again each hour, and by: docker exec $CONTAINER bash $0 now"
  fi
  if [ -z "$newest" ]; then
    [ -n "$failure" ] || echo "there is no good backup: docker exec $CONTAINER bash $0 now makes one"
  elif [ $(($(date +%s) - $(seconds "$(made "$newest")"))) -gt "$most_age" ]; then
    echo "the newest good backup is of $(minute "$(made "$newest")"), and there should be one each day: docker exec $CONTAINER bash $0 now makes one, or says why not"
  fi
  if [ -s "$small" ]; then
    echo "the last backup has much less than the one before: $(<"$small"). It is beside the others, as .small.tar, and none was removed for it. If that is meant: docker exec $CONTAINER bash $0 accept"
  fi
  damaged | while read -r name; do
    echo "backup $name is damaged: it cannot be restored and does not count. To be rid of it: docker exec $CONTAINER rm $folder/$name"
  done
}

# The newest good one and how many there are, as members of an object of JSON.
figures() {
  local found newest=null
  mapfile -t found < <(good)
  if [ -n "${found[0]:-}" ]; then
    newest=$(printf '{"name":"%s","made":"%s","bytes":%s}' "${found[0]}" "$(made "${found[0]}")" "$(stat -c %s "$folder/${found[0]}")")
  fi
  printf '"newest":%s,"kept":%s' "$newest" "${#found[@]}"
}

status() {
  printf '{%s,"folder":"%s","next":"%s","problems":[' \
    "$(figures)" "$folder" "$(date -u -d "@$(next_time)" +%Y-%m-%dT%H:%M:%SZ)"
  problems | json_text | sed 's/.*/"&"/' | paste -sd,
  printf ']}\n'
}

# For the scheduled check, which has no way to Docker and reads it as another user. How old it is says whether this still runs.
tell_check() {
  if { cat <<<"$2" >"$TOLD/$1.new" && chmod 644 "$TOLD/$1.new" && mv -T "$TOLD/$1.new" "$TOLD/$1"; } 2>/dev/null; then :; fi
}

health() {
  local found
  mapfile -t found < <(good)
  # The first one is being made: this waits until it is, or has failed.
  if [ -z "${found[0]:-}" ] && [ -z "$(failure)" ]; then alone true; fi
  found=$(problems)
  tell_check figures "{$(figures)}"
  tell_check problems "$found"
  if [ -n "$found" ]; then
    echo "$found"
    return 1
  fi
  good | sed -n 1p
}

accept() {
  local name
  name=$(find "$folder" -maxdepth 1 -name "$STACK-*Z.small.tar" -printf '%f\n')
  if [ -z "$name" ]; then
    echo "there is none that is much smaller than the one before" >&2
    return 1
  fi
  echo "$(stat -c %s "$folder/$name") ${name%.small.tar}.tar" >>"$sizes"
  mv "$folder/$name" "$folder/${name%.small.tar}.tar"
  mv "$small.contents" "$contents"
  rm "$small"
  look_again
}

scheduled() {
  local time
  time=$(date -u -d "today $AT" +%s)
  if [ "$time" -gt "$(date +%s)" ]; then echo "$((time - 86400))"; else echo "$time"; fi
}

next_time() {
  local next again failure
  next=$(($(scheduled) + 86400))
  failure=$(failure)
  if [ -n "$failure" ]; then again=$(($(stat -c %Y "$failure") + 3600)); else again=$next; fi
  if [ "$again" -gt "$(date +%s)" ] && [ "$again" -lt "$next" ]; then next=$again; fi
  echo "$next"
}

missed() {
  local found
  mapfile -t found < <(good)
  [ -z "${found[0]:-}" ] || [ "$(seconds "$(made "${found[0]}")")" -lt "$(scheduled)" ]
}

# After the host was started Postgres may still come up. Whether it has, the attempt says.
when_postgres_is_up() {
  timeout 120 bash -c 'until pg_isready -q; do sleep 1; done' || true
  attempt
}

# For the container's log.
tell() {
  local failure
  failure=$(failure)
  if [ -n "$failure" ]; then cat "$failure" >&2; fi
}

for_ever() {
  # Before the first healthcheck, which waits for it.
  if missed; then
    alone when_postgres_is_up
    tell
  fi
  while :; do
    sleep "$(($(next_time) - $(date +%s)))"
    alone attempt
    tell
  done
}

mkdir -p "$folder"
touch "$sizes"
case ${1:-} in
  make) make ;;
  now)
    alone attempt
    found=$(problems)
    if [ -n "$found" ]; then
      echo "$found" >&2
      exit 1
    fi
    ;;
  accept) alone accept ;;
  health) health ;;
  status) status ;;
  *) for_ever ;;
esac
