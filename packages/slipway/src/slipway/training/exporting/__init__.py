"""Convert fitted estimators to ONNX, and find the part of one that cannot be converted or is converted wrongly."""
