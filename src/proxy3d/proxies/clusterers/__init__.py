"""Ways to turn the points of a group into its proxies."""

from __future__ import annotations

from proxy3d.proxies.clusterers.agglomerative import Agglomerative
from proxy3d.proxies.clusterers.density import Density
from proxy3d.proxies.clusterers.farthest import Farthest
from proxy3d.proxies.clusterers.grouped_kmeans import GroupedKMeans
from proxy3d.proxies.clusterers.kmeans_feature import KMeansFeature
from proxy3d.proxies.clusterers.kmeans_position import KMeansPosition
from proxy3d.proxies.clusterers.random_k import RandomK
from proxy3d.proxies.clusterers.set_encoder import SetEncoder
from proxy3d.proxies.clusterers.soft_kmeans import SoftKMeans
from proxy3d.proxies.clusterers.token_merging import TokenMerging
from proxy3d.proxies.clusterers.uniform import Uniform
from proxy3d.proxies.clusterers.voxel import Voxel

CLUSTERERS = {
    "soft_kmeans": SoftKMeans,  # learnable, the default
    "set_encoder": SetEncoder,  # learnable
    "grouped_kmeans": GroupedKMeans,  # the published method
    "agglomerative": Agglomerative,
    "density": Density,  # needs scikit-learn
    "token_merging": TokenMerging,
    "kmeans_feature": KMeansFeature,
    "kmeans_position": KMeansPosition,
    "farthest": Farthest,
    "voxel": Voxel,
    "uniform": Uniform,
    "random_k": RandomK,
}
Learned = SoftKMeans | SetEncoder
LEARNED: dict[str, type[Learned]] = {kind.name: kind for kind in (SoftKMeans, SetEncoder)}  # `assign` trains them; weights keep them
