#!/bin/sh
# Makes configure. Needs autoconf, automake, libtool, pkg-config.
cd "$(dirname "$0")" && exec autoreconf --install --force --warnings=no-portability
