function(replicas=1, team)
{
  apiVersion: "apps/v1", kind: "Deployment",
  metadata: { name: std.extVar("name"), labels: { team: team } },
  spec: { replicas: replicas, paused: std.extVar("flags").paused },
}
