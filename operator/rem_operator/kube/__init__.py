"""The only place that talks to the Kubernetes API: client, apply engine and the index of what the watch saw.

Knows neither kopf nor the operator's settings, nor what a tenant is made of.
"""
