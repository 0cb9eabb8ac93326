# shellcheck shell=bash
# A private Apache Kafka, one broker in KRaft mode, on loopback. Sourced, after common.sh and process.sh.
#
#   DIR/data   the broker's log, DIR/server.properties, DIR/kafka.log, DIR/kafka.pid
# The jars, named by tests/kafka/pom.xml, are shared by all brokers of this checkout: var/kafka/libs.

KAFKA_POM=$ROOT/tests/kafka/pom.xml
KAFKA_LOG4J=$ROOT/tests/kafka/log4j.properties
KAFKA_LIBS=$VAR/kafka/libs
KAFKA_HEAP=384m
KAFKA_START_TIMEOUT_S=90
KAFKA_STOP_TIMEOUT_S=30
KAFKA_FETCH_TIMEOUT_S=600
KAFKA_JAVA=(java "-Xmx$KAFKA_HEAP" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError
  "-Dlog4j.configuration=file:$KAFKA_LOG4J" -cp "$KAFKA_LIBS/*")
MAVEN_COPY=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies

kafka_fetched() {
  [[ $(cat "$KAFKA_LIBS/.pom.sha256" 2>/dev/null) == "$(sha256sum <"$KAFKA_POM")" ]]
}

# Maven keeps what it downloads in ~/.m2, so another checkout does not fetch again.
kafka_fetch() {
  kafka_fetched && return 0
  command -v mvn >/dev/null || die "maven is not installed: run 'apt-get install maven default-jre-headless'"
  note "fetching Kafka's jars from Maven Central"
  local new=$KAFKA_LIBS.new log=$VAR/kafka/fetch.log
  rm -rf "$new"
  mkdir -p "$new"
  timeout "$KAFKA_FETCH_TIMEOUT_S" mvn -q -B -f "$KAFKA_POM" "$MAVEN_COPY" \
    -DincludeScope=runtime -DoutputDirectory="$new" </dev/null >"$log" 2>&1 ||
    die "cannot fetch Kafka's jars: $(grep -m 1 ERROR "$log" || echo 'no answer in time') (see $log)"
  sha256sum <"$KAFKA_POM" >"$new/.pom.sha256"
  rm -rf "$KAFKA_LIBS"
  mv "$new" "$KAFKA_LIBS"
}

# Small buffers: the defaults want more memory than a whole development machine should give.
kafka_configure() { # DIR PORT
  cat >"$1/server.properties" <<CONF
# Written at each start; changes here are lost.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(($2 + 1))
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$(($2 + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$2
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$1/data
# The relay makes each topic with its 32 partitions; a topic made by a reader's typing error would have one.
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
background.threads=2
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=8388608
CONF
}

kafka_format() { # DIR
  local id
  [[ -s $1/data/meta.properties ]] && return 0
  rm -rf "$1/data"
  mkdir -p "$1/data"
  id=k$(od -An -v -tx1 -N 11 /dev/urandom | tr -d ' \n' | head -c 21) # 22 characters of base64, as Kafka's ids are
  "${KAFKA_JAVA[@]}" kafka.tools.StorageTool format -t "$id" -c "$1/server.properties" >"$1/format.log" 2>&1 ||
    die "cannot format Kafka's log folder: $(tail -n 1 "$1/format.log") (see $1/format.log)"
}

kafka_running() { process_running "$1/kafka.pid"; } # DIR

kafka_port() { sed -n 's|^advertised.listeners=.*:||p' "$1/server.properties"; } # DIR

# True once the broker of this start says so, and true as well when it is gone, so that nobody waits for the dead.
kafka_settled() { # DIR LOG_OFFSET
  ! kafka_running "$1" || tail -c "+$(($2 + 1))" "$1/kafka.log" | grep -q 'Kafka Server started'
}

kafka_start() { # DIR PORT
  local offset
  kafka_running "$1" && return 0
  command -v java >/dev/null || die "java is not installed: run 'apt-get install default-jre-headless'"
  kafka_fetched || die "Kafka's jars are not here: run 'scripts/dev-kafka fetch'"
  kafka_configure "$1" "$2"
  kafka_format "$1"
  touch "$1/kafka.log"
  offset=$(stat -c %s "$1/kafka.log")
  process_start "$1/kafka.pid" "$1/kafka.log" "${KAFKA_JAVA[@]}" kafka.Kafka "$1/server.properties"
  wait_until "$KAFKA_START_TIMEOUT_S" kafka_settled "$1" "$offset" && kafka_running "$1" && return 0
  process_stop "$1/kafka.pid" Kafka 5
  die "Kafka did not start: $(grep -E ' (ERROR|FATAL) |Exception' "$1/kafka.log" | tail -n 1 | cut -c1-200) (see $1/kafka.log)"
}

kafka_stop() { # DIR
  process_stop "$1/kafka.pid" Kafka "$KAFKA_STOP_TIMEOUT_S"
}
