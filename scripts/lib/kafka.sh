# Kafka, one node that is broker and controller: see servers.sh for what each function is for.
# shellcheck shell=bash disable=SC2034 # the words are read by name

KAFKA_VERSION=4.1.2
kafka_java_min=17
kafka_fetch_mb=250
kafka_data_mb=500

kafka_address() { setting KAFKA_BOOTSTRAP_SERVERS localhost:9092; }

kafka_host_and_port() {
  local address
  address=$(kafka_address)
  [[ $address =~ ^([^:,/]+|\[[^]]+\]):([0-9]+)$ ]] || { printf '%s 9092' "$address"; return; }
  printf '%s %s' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
}

# One of the servers named is enough.
kafka_answers() {
  local each
  for each in $(kafka_address | tr ',' ' '); do
    [[ $each =~ ^\[?([^],]+)\]?:([0-9]+)$ ]] || continue
    kafka_speaks "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" && return
  done
  return 1
}

# Asks for the API versions (request 18, version 0, correlation "shop", no client id). A Kafka answers with a length, the
# same correlation and error 0; something that merely takes connections does not.
# shellcheck disable=SC2016 # the inner shell expands it
kafka_speaks() {
  local answer
  answer=$(at_most 5 bash -c '
    exec 3<>"/dev/tcp/$1/$2" || exit 1
    printf "\0\0\0\012\0\022\0\0shop\377\377" >&3
    head -c 10 <&3 | od -An -v -tx1' _ "$1" "$2" 2>/dev/null | tr -d ' \n') || return 1
  [[ $answer == ????????73686f700000 ]]
}

kafka_ready() { kafka_answers; }

# The protocol does not tell; of our own we know it.
kafka_version() { if is_ours kafka || in_compose kafka; then printf '%s' "$KAFKA_VERSION"; else printf '?'; fi; }

kafka_more_ports() { printf '%s' $(($1 + 1)); } # the controller's

kafka_home() { printf '%s' "$SERVERS_DIR/kafka-$KAFKA_VERSION"; }

kafka_fetched() { [ -d "$(kafka_home)" ]; }

kafka_fetch() { fetch_with_maven kafka "$(kafka_home)"; }

kafka_start() {
  local host=$1 port=$2 home heap run=$RUN_DIR/kafka
  home=$(kafka_home)
  heap=$(setting KAFKA_HEAP 512m)
  mkdir -p "$run"
  kafka_settings "$host" "$port" "$DATA_DIR/kafka" >"$run/server.properties"
  kafka_log_settings >"$run/log4j2.properties"
  [ -e "$DATA_DIR/kafka/meta.properties" ] || kafka_format "$host" "$port"
  own_folder "$DATA_DIR/kafka"
  start_process kafka "$home" "$JDK/bin/java" "-Xms$heap" "-Xmx$heap" "$(word_of kafka)" \
    "-Dlog4j2.configurationFile=$run/log4j2.properties" -cp "$home/libs/*" kafka.Kafka "$run/server.properties"
}

# The data folder is made aside and moved into place, so that an interruption leaves none that is half made.
kafka_format() {
  local new=$DATA_DIR/kafka.new id log
  log=$(log_of kafka)
  rm -rf "$new"
  [ ! -d "$DATA_DIR/kafka" ] || rmdir "$DATA_DIR/kafka" 2>/dev/null ||
    fail "$DATA_DIR/kafka holds something that is not Kafka's data; scripts/services down --purge kafka removes it"
  own_folder "$new"
  kafka_settings "$1" "$2" "$new" >"$RUN_DIR/kafka/format.properties"
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  (cd / && "${DROP[@]}" "$JDK/bin/java" -Xmx128m -cp "$(kafka_home)/libs/*" kafka.tools.StorageTool \
    format -t "k${id#?}" -c "$RUN_DIR/kafka/format.properties") >"$log" 2>&1 9>&- ||
    { show_end_of "$log"; fail "kafka's data folder could not be made"; }
  mv -T "$new" "$DATA_DIR/kafka"
}

kafka_settings() {
  local host=$1 port=$2 folder=$3 controller=127.0.0.1:$(($2 + 1)) listen=$1
  [ "$host" != localhost ] || listen=127.0.0.1
  cat <<END
# Written by scripts/services at every start.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$controller
listeners=PLAINTEXT://$listen:$port,CONTROLLER://$controller
advertised.listeners=PLAINTEXT://$host:$port
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$folder

# A mistyped topic is an error, not a new topic. Topics set their own retention; this is for those that set none.
auto.create.topics.enable=false
log.retention.hours=168
log.segment.bytes=134217728

# One node: one copy of everything, and few partitions of Kafka's own.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0

# Two cores and a small heap.
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
END
}

kafka_log_settings() {
  cat <<'END'
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %-5p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
logger.server.name=kafka.server
logger.server.level=info
logger.settings.name=kafka.server.KafkaConfig
logger.settings.level=warn
END
}

kafka_compose_settings() {
  printf 'KAFKA_PORT=%s\nKAFKA_HEAP=%s\n' "$2" "$(setting KAFKA_HEAP 512m)"
}
