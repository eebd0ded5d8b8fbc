#!/bin/bash
# Runs inside the machine, beside everything that is measured: starts one command, asks over HTTP
# until the right answer comes, prints both times. Bash alone, so that asking forks nothing and a
# measurement carries no `docker exec` of its own. Times are milliseconds since the command began.
#
#   inside.sh raw ROUND | ployz ROUND | swarm ROUND [OPTION…]               one new service
#   inside.sh ployz-update ROUND | swarm-update ROUND [OPTION…]             version 2 over version 1
#   inside.sh forget KIND ROUND                                             removes what one made
#
# Prints one line: `returned=MS answered=MS`. Fails, with the command's own words, if it did.
set -euo pipefail

readonly network=ployz-bench subnet=10.204.0.0/24 raw_address=10.204.0.10 swarm_port=18080
# A question that is not answered soon is put anew: one that came too early may hang for a second in
# a proxy that waits for a container whose network is not there yet.
readonly poll_s=0.005 patience_s=0.1 limit_ms=60000
# What Ployz asks itself, Swarm has to ask by a program in the container; every 100 ms.
readonly health='bash -c '\''exec 3<>/dev/tcp/127.0.0.1/8080
printf "GET /healthz HTTP/1.0\r\n\r\n" >&3; read -r line <&3; [[ $line == *" 200 "* ]]'\'''
work=$(mktemp -d)
events=
trap '[ -z "$events" ] || kill "$events" 2>/dev/null; rm -rf "$work"' EXIT
exec {idle}<> <(:)

nap() { read -r -t "$poll_s" -u "$idle" || true; }

# ask ADDRESS PORT HOST PATH TEXT: whether one request is answered 200 with TEXT in it.
ask() {
  local answer=
  {
    printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$4" "$3" >&3 &&
      { read -r -d '' -t "$patience_s" -u 3 answer || true; }
  } 3<>"/dev/tcp/$1/$2" || return 1
  [[ $answer == *' 200 '*"$5"* ]]
} 2>/dev/null

# answered_ms START ADDRESS PORT HOST PATH TEXT: when it first was.
answered_ms() {
  local start=$1
  shift
  until ask "$@"; do
    ((${EPOCHREALTIME/./} - start < limit_ms * 1000)) || { echo "no answer in $limit_ms ms" >&2; return 1; }
    nap
  done
  echo $(((${EPOCHREALTIME/./} - start + 500) / 1000))
}

# timed asked|after|healthy ADDRESS PORT HOST PATH TEXT -- COMMAND…
# When questions are put: `asked`, while the command runs. `after`, once it returned. `healthy`, once
# the engine calls a container healthy. Asking an address whose network is not up yet would make the
# kernel look for it once a second only, and the side that is measured so would seem slow.
timed() {
  local when=$1 target=("${@:2:5}") start returned poller=
  shift 7
  if [ "$when" = healthy ]; then
    mkfifo "$work/healthy"
    docker events --since "$EPOCHREALTIME" --filter event=health_status --format '{{.Action}}' \
      >"$work/healthy" &
    events=$!
    exec {healthy}<"$work/healthy"
    read -r -t 0.3 -u "$idle" || true # the client's own start is no part of it
  fi
  start=${EPOCHREALTIME/./}
  if [ "$when" != after ]; then
    { [ "$when" = asked ] || grep -q -m 1 'health_status: healthy' <&"$healthy"
      answered_ms "$start" "${target[@]}"; } >"$work/answered" &
    poller=$!
  fi
  "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; return 1; }
  returned=$(((${EPOCHREALTIME/./} - start + 500) / 1000))
  if [ -n "$poller" ]; then
    wait "$poller"
  else
    answered_ms "$start" "${target[@]}" >"$work/answered"
  fi
  echo "returned=$returned answered=$(cat "$work/answered")"
}

manifest() { # ROUND VERSION
  cat <<TOML
namespace = "bench$1"
[[service]]
name = "web"
image = "ployz-samples/web:$2"
rollout = "blue_green"
[[service.port]]
name = "http"
container = 8080
[[service.route]]
hostnames = ["bench$1.example.com"]
port = "http"
[service.readiness]
http = "/healthz"
port = "http"
interval = "50ms"
TOML
}

deploy() { # ROUND VERSION PATH TEXT
  manifest "$1" "$2" >"$work/manifest.toml"
  timed asked 127.0.0.1 80 "bench$1.example.com" "$3" "$4" -- ployzctl deploy -f "$work/manifest.toml"
}

create_service() { # NAME IMAGE PUBLISH OPTION…
  docker service create --no-resolve-image --detach=false --name "$1" --publish "$3" \
    --endpoint-mode dnsrr --health-cmd "$health" --health-interval 100ms --health-timeout 1s \
    "${@:4}" "$2"
}

prepare() {
  docker network inspect "$network" >/dev/null 2>&1 ||
    docker network create --subnet "$subnet" "$network" >/dev/null
}

kind=$1 round=$2
shift 2
case $kind in
  raw)
    prepare
    timed after "$raw_address" 8080 raw /healthz ok -- docker run -d --name "bench-raw$round" \
      --network "$network" --ip "$raw_address" ployz-samples/web:1
    ;;
  ployz) deploy "$round" 1 /healthz ok ;;
  swarm)
    timed healthy 127.0.0.1 "$swarm_port" swarm /healthz ok -- create_service "bench-swarm$round" \
      ployz-samples/web:1 "mode=host,published=$swarm_port,target=8080" "$@"
    ;;
  ployz-update) deploy "$round" 2 / '"version":"2"' ;;
  # A port chosen by the engine: with one of its own the new task could not start first.
  swarm-first)
    create_service "bench-swarm$round" ployz-samples/web:1 mode=host,target=8080 \
      --update-order start-first "$@" >/dev/null
    ;;
  swarm-update)
    start=${EPOCHREALTIME/./}
    docker service update --no-resolve-image --detach=false --image ployz-samples/web:2 \
      "bench-swarm$round" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
    echo "returned=$(((${EPOCHREALTIME/./} - start + 500) / 1000))"
    ;;
  forget)
    case $round in
      raw) docker rm -f "bench-raw$1" ;;
      ployz) ployzctl namespace rm "bench$1" --yes ;;
      swarm)
        docker service rm "bench-swarm$1"
        # The service is gone at once, its containers a moment later.
        for _ in $(seq 3000); do
          [ -n "$(docker ps -aq --filter label=com.docker.swarm.service.name="bench-swarm$1")" ] || exit 0
          nap
        done
        echo "containers of bench-swarm$1 do not go away" >&2
        exit 1
        ;;
    esac >/dev/null
    ;;
  *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
