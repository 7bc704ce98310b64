# Fetches a server by the Maven coordinates in scripts/pom.xml, into place in one move.
# shellcheck shell=bash

MAVEN_PID=
FETCHING= # the temporary folder, while there is one

# fetch_with_maven NAME FOLDER [PART [ARCHIVE MB]]: runs profile NAME of scripts/pom.xml in a temporary folder and moves its
# outcome (or the one folder in it that matches the pattern PART) to FOLDER. ARCHIVE is the big archive's path in the local Maven
# repository, deleted afterwards unless it was there before us; MB is its size, for the progress line.
fetch_with_maven() {
  local name=$1 folder=$2 part=out/${3-} archive=${4-} mb=${5-}
  local work=$SERVERS_DIR/.fetching-$name ours=$SERVERS_DIR/.archive-of-$name-is-ours log=$LOGS_DIR/fetch-$name.log repository
  rm -rf "$work"
  FETCHING=$work
  mkdir -p "$work"
  choose_maven
  repository=$(maven_repository "$log") || { show_end_of "$log"; fail "Maven does not work here (mvn -v?)"; }
  if [ -n "$archive" ]; then
    archive=$repository/$archive
    [ -n "$(find "$archive" -name '*.zip' 2>/dev/null)" ] || : >"$ours"
  fi

  say "$name: fetching with Maven${mb:+ (an archive of $mb MB, deleted after unpacking)} …"
  "${MAVEN[@]}" -P "$name" -Dout="$work/out" generate-resources >"$log" 2>&1 </dev/null &
  MAVEN_PID=$!
  watch_folders "$name" "$MAVEN_PID" "$mb" "${archive:-$work}" "$work"
  wait "$MAVEN_PID" || { MAVEN_PID=; show_end_of "$log"; fail "$name could not be fetched; Maven's log is $log. Is a Maven repository reachable? (a mirror or proxy belongs in ~/.m2/settings.xml)"; }
  MAVEN_PID=

  # shellcheck disable=SC2086 # PART is a pattern
  part=$(cd "$work" && printf '%s\n' $part | head -n 1)
  [ -d "$work/$part" ] || fail "$name: the archive does not hold what was expected, see $work"
  chmod -R a+rX "$work/$part"
  rm -rf "$folder"
  mv -T "$work/$part" "$folder"
  rm -rf "$work"
  FETCHING=
  if [ -n "$archive" ] && [ -e "$ours" ]; then
    rm -rf "$archive" "$ours"
  fi
  say "$name: fetched into $folder"
}

# Sets MAVEN, the words of a call. Maven brings no Java of its own: where there is none, it gets the servers'.
choose_maven() {
  MAVEN=(mvn -q -B -ntp -Dstyle.color=never -f "$ROOT/scripts/pom.xml")
  [ -n "${JAVA_HOME-}" ] || has java || MAVEN=(env JAVA_HOME="$JDK" "${MAVEN[@]}")
}

# (Some Mavens colour their output even when told not to.)
maven_repository() {
  "${MAVEN[@]}" -DforceStdout org.apache.maven.plugins:maven-help-plugin:3.5.1:evaluate -Dexpression=settings.localRepository >"$1" 2>&1 </dev/null &&
    sed $'s/\e\\[[0-9;]*m//g' "$1" | grep '^/'
}

# watch_folders NAME PID MB FOLDER...: prints how the folders grow until PID ends; on a terminal in one line.
watch_folders() {
  local name=$1 pid=$2 mb=$3 now seconds=0
  shift 3
  while kill -0 "$pid" 2>/dev/null; do
    if [ -t 1 ]; then
      now=$(folders_mb "$@")
      printf '\r%s: %s%s MB, %s s ' "$name" "$now" "${mb:+ of about $((mb + 180))}" "$seconds"
    elif [ "$seconds" -gt 0 ] && [ $((seconds % 10)) = 0 ]; then
      now=$(folders_mb "$@")
      say "$name: $now${mb:+ of about $((mb + 180))} MB after $seconds s"
    fi
    sleep 1
    seconds=$((seconds + 1))
  done
  [ ! -t 1 ] || printf '\n'
}

# du answers with an error when a file vanishes under it, which is no matter here.
folders_mb() {
  { du -sm "$@" 2>/dev/null || true; } | awk '{ sum += $1 } END { print sum + 0 }'
}

# Called when the script ends for any reason: an interrupted download does not go on unseen.
stop_fetching() {
  if [ -n "$MAVEN_PID" ]; then
    kill "$MAVEN_PID" 2>/dev/null || true
    wait "$MAVEN_PID" 2>/dev/null || true
    MAVEN_PID=
  fi
  [ -z "$FETCHING" ] || rm -rf "$FETCHING"
}
