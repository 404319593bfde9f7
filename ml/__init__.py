"""Face verification on PyTorch: decode, detect, align, recognise, judge. Knows nothing of Django."""
