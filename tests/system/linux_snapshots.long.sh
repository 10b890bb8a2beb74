#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 7200
# 100 random instructions of a whole boot, to the power-off.
POINTS=100 END=100000000000 exec "$BUILD/tests/system/linux_snapshots"
