"""Run in a network namespace of its own by test_ray.py: encodes on Ray, and says what came of it.

Arguments: ``local`` or ``nodes``, folder of pictures, folder for the parts, folder of the model.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

if sys.argv[1] == "nodes":  # a cluster is not lexret's own, which gives itself a token
    # Ray writes one into the home folder where it is given none; nobody else reaches this network.
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="7" * 64)

from lexret.library.encoding.encode import encode_pictures


def tell(**values: object) -> None:
    sys.stdout.write(json.dumps(values) + "\n")


def encode(photos: str, out: str, model: str, **options: object) -> None:
    counts: list[tuple[int, int]] = []
    report = encode_pictures(
        photos, out, model=model, threads=1,
        progress=lambda done, total: counts.append((done, total)), **options,
    )  # fmt: skip
    tell(
        pictures=report.num_pictures,
        last=counts[-1],
        refused=[one.reason for one in report.refused],
    )


def on_nodes(photos: str, out: str, model: str) -> None:
    """Encode on two nodes, one of which is killed once it has finished a part."""
    from ray.cluster_utils import Cluster

    soon = {"health_check_initial_delay_ms": 5000, "health_check_period_ms": 1000,
            "health_check_timeout_ms": 3000, "health_check_failure_threshold": 3}  # fmt: skip
    head = {"num_cpus": 2, "include_dashboard": False, "_system_config": soon}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    node = cluster.add_node(num_cpus=2)
    killed: list[int] = []

    def kill() -> None:
        parts = Path(out) / "vectors"
        while not (done := len(list(parts.glob("part-*")))):
            time.sleep(0.01)
        cluster.remove_node(node, allow_graceful=False)
        killed.append(done)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    encode(photos, out, model, ray=cluster.address)
    killer.join()
    tell(num_done=killed[0])
    cluster.shutdown()


if __name__ == "__main__":
    kind, *values = sys.argv[1:]
    if kind == "local":
        encode(*values, ray="local", workers=2)  # type: ignore[arg-type]
    else:
        on_nodes(*values)
