"""The watches: kopf as transport, into the index and the queue.

Together with `__main__` the only place that imports kopf. What an object means is decided in `reconcile`; here it is
only said what is watched, whether the watches are alive, and which key an event concerns.
"""
