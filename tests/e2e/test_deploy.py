"""A namespace's life: created, unchanged, updated, scaled, reduced, removed."""
import json

from lab import service, web


def test_an_image_is_deployed_and_served_by_host_name(lab):
    answer = lab.deploy(web("shop"))
    assert answer.code == 0 and answer.outcome == "committed", answer
    status, body = lab.get("shop.example.com")
    seen = json.loads(body)
    assert status == 200
    assert (seen["namespace"], seen["service"], str(seen["version"])) == ("shop", "web", "1")
    assert lab.version("web.shop.ployz.local") == 1
    assert lab.get("nobody.example.com")[0] in (404, 503)


def test_the_same_again_is_unchanged_and_touches_nothing(lab):
    lab.deploy(web("shop", replicas=2))
    before, log = lab.containers(), lab.must("log", "shop").json["commits"]
    answer = lab.deploy(web("shop", replicas=2))
    assert (answer.code, answer.outcome) == (0, "unchanged"), answer
    assert lab.containers() == before
    assert lab.must("log", "shop").json["commits"] == log


def test_a_preview_changes_nothing_and_lists_what_would_happen(lab):
    answer = lab.deploy(web("shop"), "--dry-run")
    assert answer.code == 0, answer
    assert any("web" in change["resource"] for change in answer.json["changes"])
    assert lab.containers() == []
    assert lab.must("namespace", "ls").json["namespaces"] == []


def test_scaling_keeps_the_instances_that_run(lab):
    lab.deploy(web("shop", replicas=1))
    first = {i["id"] for i in lab.instances("shop")}
    assert lab.deploy(web("shop", replicas=3)).outcome == "committed"
    three = {i["id"] for i in lab.instances("shop")}
    assert len(three) == 3 and first < three
    assert lab.deploy(web("shop", replicas=1)).outcome == "committed"
    assert len(lab.containers()) == 1


def test_a_service_that_left_the_manifest_is_removed(lab):
    both = web("shop") + "\n" + service("api", "ployz-samples/web:1", host="api.example.com")
    assert lab.deploy(both).outcome == "committed"
    assert lab.version("api.example.com") == 1
    assert lab.deploy(web("shop")).outcome == "committed"
    assert lab.get("api.example.com")[0] in (404, 503)
    assert len(lab.containers()) == 1


def test_deploy_service_leaves_the_other_services_alone(lab):
    lab.deploy(web("shop"))
    answer = lab.ctl("deploy", "service", "api", "--image", "ployz-samples/web:2", "--namespace",
                     "shop", "-p", "9090:8080", "-e", "COLOUR=red")
    assert answer.outcome == "committed", answer
    assert lab.version("shop.example.com") == 1
    assert json.loads(lab.get("any", port=9090)[1])["version"] in (2, "2")


def test_path_prefixes_choose_the_longest_match(lab):
    api = service("api", "ployz-samples/web:2")
    api = api.replace("[service.readiness]", '[[service.route]]\nhostnames = ["shop.example.com"]\n'
                      'port = "http"\npath_prefix = "/api"\n[service.readiness]')
    assert lab.deploy(web("shop") + "\n" + api).outcome == "committed"
    assert json.loads(lab.get("shop.example.com", "/api/x")[1])["service"] == "api"
    assert json.loads(lab.get("shop.example.com", "/apix")[1])["service"] == "web"


def test_recreate_stops_the_old_before_the_new_runs(lab):
    lab.deploy(web("shop", rollout="recreate"))
    answer = lab.deploy(web("shop", image="ployz-samples/web:2", rollout="recreate"))
    assert answer.outcome == "committed", answer
    assert lab.version("shop.example.com") == 2
    assert len(lab.containers()) == 1


def test_log_and_show_tell_the_history(lab):
    lab.deploy(web("annals"))
    lab.deploy(web("annals", image="ployz-samples/web:2"))
    commits = lab.must("log", "annals").json["commits"]
    assert [commit["kind"] for commit in commits] == ["deploy", "deploy"]
    newest = lab.must("show", commits[0]["id"]).json["commit"]
    assert newest["services"][0]["service"]["container"]["image"] == "ployz-samples/web:2"


def test_services_of_a_namespace_find_each_other_by_name(lab):
    lab.deploy(web("shop") + "\n" + service("api", "ployz-samples/web:2"))
    instance = next(i["id"] for i in lab.instances("shop") if i["service"] == "web")
    for name in ("api", "api.shop.cluster.local"):
        found = lab.must("exec", instance, "--", "getent", "ahostsv4", name)
        assert found.json["exit_code"] == 0, found


def test_a_namespace_is_removed_with_everything_of_it(lab):
    lab.deploy(web("shop", replicas=2))
    answer = lab.must("namespace", "rm", "shop", "--yes")
    assert answer.outcome == "committed"
    assert lab.containers() == []
    assert lab.get("shop.example.com")[0] in (404, 503)
    assert lab.ctl("namespace", "inspect", "shop").error["code"] == "not_found"
