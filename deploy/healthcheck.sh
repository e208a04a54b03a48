#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# healthcheck.sh [PORT]: exit 0 when octet on this machine answers /health with 200. Needs bash only,
# because a slim image has no HTTP client.
set -eu
exec 3<>"/dev/tcp/127.0.0.1/${1:-8000}"
printf 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 4 _ code _ <&3
[ "$code" = 200 ]
