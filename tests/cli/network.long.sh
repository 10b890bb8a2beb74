#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 900
# As network.sh, with 200 MB.
NETWORK_MB=200 exec "$(dirname "$0")/network.sh"
