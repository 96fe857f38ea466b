"""Models on servers: requests with retries, jobs that survive a crash, and a budget.

A family defines a service that derives from `RemoteService`, with `submit`, `poll` and `download`.
"""

from vmevalkit.models.http.client import Client, RequestFailed, Retries
from vmevalkit.models.http.config import RemoteConfig
from vmevalkit.models.http.service import JobState, Order, RemoteService

__all__ = ["Client", "JobState", "Order", "RemoteConfig", "RemoteService", "RequestFailed", "Retries"]
