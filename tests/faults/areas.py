"""All areas of the campaign, by name."""

from tests.faults import crowds, disks, kills, mutations, servers
from tests.faults.lab import Area

AREAS: dict[str, type[Area]] = {
    "kill-make": kills.Make,
    "kill-generate": kills.Generate,
    "kill-remake": kills.Remake,
    "kill-paid": kills.Paid,
    "kill-tiny": kills.Tiny,
    "kill-score": kills.Score,
    "kill-judge": kills.Judge,
    "kill-report": kills.Report,
    "kill-view": kills.View,
    "kill-serve": kills.Serve,
    "two-processes": crowds.Together,
    "full-disk": disks.FullDisk,
    "read-only": disks.ReadOnly,
    "mutated-files": mutations.Mutations,
    "bad-judge": servers.BadJudge,
    "bad-video-server": servers.BadVideoServer,
    "viewer-clients": crowds.Clients,
}
