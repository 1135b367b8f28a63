"""Ways to turn the points of a group into its proxies."""

from __future__ import annotations

from proxy3d.proxies.clusterers.soft_kmeans import SoftKMeans

CLUSTERERS = {"soft_kmeans": SoftKMeans}
