"""What Prometheus asks and Grafana shows are figures that exist, with the limits that doctor uses."""

import json
import re
import subprocess
import sys

import pytest
import yaml

from kyc.operations import queries
from kyc.operations.health import LIMITS
from tests.data import REPOSITORY

DOCKER = REPOSITORY / "docker"


def test_rules_and_dashboard_are_what_the_limits_say():
    done = subprocess.run([sys.executable, "tools/monitoring", "--check"], cwd=REPOSITORY, check=False)
    assert done.returncode == 0, "run tools/monitoring"


def test_the_dashboard_shows_every_figure_once():
    shown = json.loads((DOCKER / "grafana/dashboards/vouch.json").read_text())
    asked = [t["expr"] for p in shown["panels"] for t in p.get("targets", [])]
    assert sorted(asked) == sorted(f"max(vouch_{limit.figure})" for limit in LIMITS)
    assert len({p["id"] for p in shown["panels"]}) == len(shown["panels"])


@pytest.mark.django_db
def test_every_alert_asks_for_a_figure_that_the_database_gives():
    from kyc.core.scope import Scope, acting

    rules = yaml.safe_load((DOCKER / "prometheus/rules.yml").read_text())["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"vouch_(\w+)", rule["expr"])}
    with acting(Scope(None, "test:monitoring")):
        given = set(queries.figures()) | {"disk_used"}
    assert asked <= given
    assert len(rules) == len(LIMITS) + 1


def test_every_mounted_file_of_the_monitoring_exists():
    services = yaml.safe_load((DOCKER / "monitoring.yml").read_text())["services"]
    for service in services.values():
        for volume in service["volumes"]:
            if volume.startswith("./"):
                assert (REPOSITORY / volume.split(":")[0]).is_dir()
    config = yaml.safe_load((DOCKER / "prometheus/prometheus.yml").read_text())
    assert all((DOCKER / "prometheus" / name).exists() for name in config["rule_files"])
