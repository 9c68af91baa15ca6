"""All who take part, ours first."""

from __future__ import annotations

from typing import Final

from benchmarks.peers.arq.peer import ARQ
from benchmarks.peers.contender import OURS, contender
from benchmarks.peers.dbos.peer import DBOS
from benchmarks.peers.graphile_worker.peer import GRAPHILE_WORKER
from benchmarks.peers.procrastinate.peer import PROCRASTINATE
from benchmarks.peers.river.peer import RIVER

PEERS: Final = (RIVER, GRAPHILE_WORKER, PROCRASTINATE, DBOS, ARQ)
CONTENDERS: Final = (OURS, *map(contender, PEERS))
