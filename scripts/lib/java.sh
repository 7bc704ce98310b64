# Finds the newest JDK of JAVA_HOME, PATH and /usr/lib/jvm that the servers' user can run.
# shellcheck shell=bash

# major_of TEXT: 25 from what `java -version` prints, 8 from "1.8.0_392"; nothing where there is no version.
major_of() {
  [[ $1 =~ version\ \"(1\.)?([0-9]+) ]] && printf '%s' "${BASH_REMATCH[2]}" || true
}

java_homes() {
  local java
  [ -z "${JAVA_HOME-}" ] || printf '%s\n' "$JAVA_HOME"
  if has java; then
    java=$(readlink -f "$(command -v java)")
    printf '%s\n' "${java%/bin/java}"
  fi
  for java in /usr/lib/jvm/*/bin/java; do
    [ -e "$java" ] && printf '%s\n' "${java%/bin/java}"
  done
  return 0
}

# newest_jdk: "MAJOR HOME" of the newest, or nothing. A cut-down runtime without jdk.jdi cannot carry Elasticsearch.
newest_jdk() {
  local home major best=0 best_home=''
  while IFS= read -r home; do
    [ -x "$home/bin/java" ] || continue
    major=$(major_of "$(unprivileged "$home/bin/java" -version 2>&1 || true)")
    [ -n "$major" ] && [ "$major" -gt "$best" ] || continue
    unprivileged "$home/bin/java" --list-modules 2>/dev/null | grep -q '^jdk\.jdi' || continue
    best=$major best_home=$home
  done < <(java_homes | awk '!seen[$0]++')
  [ -z "$best_home" ] || printf '%s %s' "$best" "$best_home"
}

# java_at_least MAJOR: finds a JDK into JDK, or says what is missing.
java_at_least() {
  local found major
  found=$(newest_jdk)
  major=${found%% *}
  if [ -z "$found" ]; then
    problem "found no JDK that the user '$(server_user_name)' can run (looked at JAVA_HOME, PATH, /usr/lib/jvm): install a JDK $1 or newer (Debian: apt-get install openjdk-21-jdk-headless or newer), or set JAVA_HOME to one"
  elif [ "$major" -lt "$1" ]; then
    problem "the newest JDK found is $major (${found#* }), $1 or newer is needed: install one, or set JAVA_HOME to it (looked at JAVA_HOME, PATH, /usr/lib/jvm)"
  else
    # shellcheck disable=SC2034 # for the servers' files
    JDK=${found#* }
  fi
}
