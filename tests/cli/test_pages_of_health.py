"""What `describe` shows of probes, init containers, readiness gates and of how containers ended."""

from __future__ import annotations

from proto.catalog import BY_KIND
from setpoint.cli.pages import page


def test_a_pod_that_is_looked_after() -> None:
    http = {"path": "/healthz", "port": "web", "scheme": "HTTP"}
    lines = page(
        BY_KIND["Pod"],
        {
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "initContainers": [{"name": "proxy", "startupProbe": {"tcpSocket": {"port": 9000}}}],
                "containers": [
                    {
                        "name": "app",
                        "livenessProbe": {"httpGet": http, "timeoutSeconds": 2, "failureThreshold": 5},
                        "readinessProbe": {"exec": {"command": ["./ready", "-q"]}},
                        "startupProbe": {"grpc": {"port": 9001, "service": "shop"}},
                    }
                ],
                "readinessGates": [{"conditionType": "example.com/open"}, {"conditionType": "example.com/paid"}],
            },
            "status": {"conditions": [{"type": "example.com/open", "status": "True"}]},
        },
    )
    text = "\n".join(" ".join(line.split()) for line in lines)
    for expected in (
        "Startup: grpc <pod>:9001 shop delay=0s timeout=1s period=10s #success=1 #failure=3",
        "Init Containers:\nproxy:",
        "Startup: tcp-socket :9000 delay=0s timeout=1s period=10s #success=1 #failure=3",
        "Liveness: http-get http://:web/healthz delay=0s timeout=2s period=10s #success=1 #failure=5",
        "Readiness: exec [./ready -q] delay=0s timeout=1s period=10s #success=1 #failure=3",
        "Readiness Gates:\nType Status\nexample.com/open True\nexample.com/paid <none>",
    ):
        assert expected in text, text


def test_what_a_program_said_of_its_end_stays_in_its_column_and_moves_no_cursor() -> None:
    said = "cannot bind\n\tport 80\r\x1b[2Jé\n\n"
    lines = page(
        BY_KIND["Pod"],
        {
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"containers": [{"name": "app"}]},
            "status": {
                "containerStatuses": [
                    {"name": "app", "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": said}}}
                ]
            },
        },
    )
    at = lines.index("    Last State:       Terminated")
    assert lines[at + 1 : at + 5] == [
        "      Reason:           Error",
        "      Message:          cannot bind",
        "                        \tport 80\\r\\x1b[2Jé",
        "      ExitCode:         1",
    ]
