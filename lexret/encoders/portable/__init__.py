"""The image side without torch: an exported backbone in ONNX Runtime, the rest in small graphs."""
