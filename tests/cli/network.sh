#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 600
# The user network: an address by DHCP, a large file from a web server of the
# host with the right checksum (network.long.sh: 200 MB), a port forwarded
# into the guest.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
have python3
linux_paths
size=${NETWORK_MB:-32}

mkdir "$tmp/www"
head -c "${size}M" /dev/urandom >"$tmp/www/file"
python3 - "$tmp/www" >"$tmp/port" <<'P' &
import functools, http.server, sys
class H(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a):
        pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                    functools.partial(H, directory=sys.argv[1]))
print(s.server_address[1], flush=True)
s.serve_forever()
P
for _ in $(seq 100); do [ -s "$tmp/port" ] && break; sleep 0.1; done
port=$(cat "$tmp/port")
forward=$((20000 + RANDOM % 20000))

# The forwarded port: asked until the guest's server answers.
(for _ in $(seq 600); do
	python3 - "$forward" >"$tmp/answer" 2>/dev/null <<'P' && break
import sys, urllib.request
print(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/", timeout=5).read().decode())
P
	sleep 0.3
done; : >"$tmp/host/answered") &

guest_limit=500 guest --net "user,loopback=yes,forward=$forward:8080" -- "
ip -4 addr show eth0 | grep inet; ip route; cat /etc/resolv.conf
wget -q -O /host/got http://10.0.2.2:$port/file; echo wget \$?
wget -q -O - http://10.0.2.2:$port/file | md5sum
mkdir /tmp/web; echo from the guest >/tmp/web/index.html
httpd -p 8080 -h /tmp/web
n=0; while [ ! -e /host/answered ] && [ \$n -lt 100 ]; do sleep 1; n=\$((n+1)); done" >"$tmp/out"

check "an_address_by_dhcp" has "$tmp/out" 'inet 10.0.2.15/24'
check "a_route_and_a_name_server" bash -c "grep -q 'default via 10.0.2.2' '$tmp/out' && grep -q 'nameserver 10.0.2.3' '$tmp/out'"
check "the_file_came_through" has "$tmp/out" '^wget 0$'
check "${size}_MB_are_right_on_the_host" cmp "$tmp/www/file" "$tmp/host/got"
check "${size}_MB_are_right_in_the_guest" has "$tmp/out" "^$(md5sum <"$tmp/www/file" | cut -c 1-32)"
check "a_port_is_forwarded_into_the_guest" has "$tmp/answer" 'from the guest'
exit $bad
