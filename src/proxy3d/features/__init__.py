"""Look at each frame: what is there and where it is, on one patch grid."""
