"""From a site to its probes: the published array, its calls and their counts."""
