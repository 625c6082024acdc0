"""Ticks a journey until it is killed; given a DSN and how many people a transaction takes."""

import sys

import psycopg

from journey_desk import NOW, HandClock
from marketflow.campaigns.journeys import tick
from marketflow.privacy import KeyRing

dsn, most, keys = sys.argv[1], int(sys.argv[2]), sys.stdin.readline()
with psycopg.connect(dsn, autocommit=True) as conn:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    tick(conn, "trip", keys=KeyRing.from_json(keys), clock=HandClock(hands=[NOW]), most=most)
    sys.stdout.write("done\n")
