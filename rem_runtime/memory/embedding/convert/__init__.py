"""A build step, never imported by what serves: published MiniLM weights become the ONNX file that the runtime loads.

Needs the dependency group `embedder`. Graph in `graph`, an independent forward pass in numpy in `reference`, the
comparison of the two and of the quantised graph in `checks`, files in `__main__`.
"""
