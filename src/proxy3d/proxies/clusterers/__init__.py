"""Ways to turn the points of a group into its proxies."""

from __future__ import annotations

from proxy3d.proxies.clusterers.farthest import Farthest
from proxy3d.proxies.clusterers.kmeans_position import KMeansPosition
from proxy3d.proxies.clusterers.random_k import RandomK
from proxy3d.proxies.clusterers.soft_kmeans import SoftKMeans
from proxy3d.proxies.clusterers.voxel import Voxel

CLUSTERERS = {"soft_kmeans": SoftKMeans, "kmeans_position": KMeansPosition, "farthest": Farthest, "voxel": Voxel, "random_k": RandomK}
