"""Turn a video, a folder of frames, an RGB-D scan or a point cloud into a Clip."""
