"""Templates and tags: what MISP's own schemas want, and how they get onto a server; the check of the whole chain."""

import json
from pathlib import Path

import pymisp
import pytest
from click.testing import CliRunner
from jsonschema_rs import Draft4Validator
from pymisp import MISPObject

from matcher.cli import kuato
from matcher.engine import Matcher
from matcher.settings import Settings, config_dir
from misp_module.install import RIGHTS, TEMPLATES
from misp_module.tags import NAMESPACE, TODO, UNSUPERVISED, colours, of_taxonomy, taxonomy
from tests.misp_module.building import KNOWN, page, png, seen_in_misp
from tests.misp_module.fake_server import KEY, FakeServer
from tests.misp_module.serving import free_port, listening, stock

OBJECTS = Path(pymisp.__file__).parent / "data" / "misp-objects"


def template(name):
    return json.loads((config_dir() / "misp" / "objects" / name / "definition.json").read_text("utf-8"))


class TestTemplates:
    @pytest.mark.parametrize("name", TEMPLATES)
    def test_the_schema_of_misp_objects_accepts_it(self, name):
        schema = json.loads((OBJECTS / "schema_objects.json").read_text())
        Draft4Validator(schema).validate(template(name))

    @pytest.mark.parametrize("name", TEMPLATES)
    def test_it_is_written_as_misp_objects_wants_it(self, name):
        text = (config_dir() / "misp" / "objects" / name / "definition.json").read_text("utf-8")
        assert text == json.dumps(template(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @pytest.mark.parametrize("name", TEMPLATES)
    def test_its_name_and_uuid_are_nobody_else_s(self, name):
        others = [json.loads(path.read_text()) for path in (OBJECTS / "objects").glob("*/definition.json")]
        assert len(others) > 300
        assert template(name)["uuid"] not in {other["uuid"] for other in others} and name not in {other["name"] for other in others}

    @pytest.mark.parametrize("name", TEMPLATES)
    def test_every_row_can_be_written_strictly(self, name):
        made = MISPObject(name, strict=True, misp_objects_template_custom=template(name))
        for relation, row in template(name)["attributes"].items():
            kinds = {"sha256": "ab" * 32, "uuid": KNOWN, "link": "https://misp.example.org/", "float": "0.10"}
            made.add_attribute(relation, value=row.get("values_list", [kinds.get(row["misp-attribute"], "text")])[0])
        assert len(json.loads(made.to_json())["Attribute"]) == len(template(name)["attributes"])

    def test_the_old_rows_stayed(self):
        """Other programs go by the relations: hash paths of workflows, the sync."""
        assert {"decision", "relation", "image-cluster", "known-image", "known-event", "sha256", "explanation"} <= template(
            "image-similarity"
        )["attributes"].keys()


class TestTaxonomy:
    """The schema of misp-taxonomies comes with no package: what it demands is written down here, from its documentation."""

    WHOLE = {"namespace", "expanded", "description", "version", "type", "refs", "exclusive", "uuid", "predicates", "values"}
    PART = {"value", "expanded", "description", "colour", "numerical_value", "uuid"}

    def test_it_has_what_the_schema_demands_and_nothing_else(self):
        found = taxonomy()
        assert {"namespace", "description", "version", "predicates"} <= found.keys() <= self.WHOLE
        assert isinstance(found["version"], int)
        for predicate in found["predicates"]:
            assert {"value"} <= predicate.keys() <= self.PART | {"exclusive"}
        for group in found["values"]:
            assert group.keys() == {"predicate", "entry"} and group["entry"]
            for entry in group["entry"]:
                assert {"value"} <= entry.keys() <= self.PART
                assert all(isinstance(entry[key], str) and entry[key] for key in entry.keys() - {"numerical_value"})
                assert isinstance(entry.get("numerical_value", 0), int | float)

    def test_values_belong_to_predicates_and_each_is_there_once(self):
        found = taxonomy()
        predicates = [one["value"] for one in found["predicates"]]
        assert [group["predicate"] for group in found["values"]] == predicates and len(set(predicates)) == len(predicates)
        assert len(of_taxonomy(found)) == sum(len(group["entry"]) for group in found["values"])

    def test_it_lies_where_misp_looks_for_it(self):
        assert (config_dir() / "misp" / "taxonomies" / NAMESPACE / "machinetag.json").is_file() and taxonomy()["namespace"] == NAMESPACE

    @pytest.mark.parametrize("name", list(of_taxonomy(taxonomy())))
    def test_each_tag_is_a_machine_tag(self, name):
        assert name == name.lower() and name.count('"') == 2 and "," not in name


@pytest.fixture
def folder(tmp_path):
    for name in ("misp-objects/objects", "taxonomies"):
        (tmp_path / "MISP" / "app" / "files" / name).mkdir(parents=True)
    return tmp_path / "MISP"


@pytest.fixture
def misp(folder):
    with FakeServer(folder=folder).served() as server:
        yield server


def run(misp, settings, *arguments, **changes):
    given = {
        "misp.url": misp.url,
        "misp.key": KEY,
        "data.dir": settings["data.dir"],
        "redis.url": settings["redis.url"],
        "workers.count": 1,
    }
    given |= {name.replace("__", "."): value for name, value in changes.items()}
    options = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    return CliRunner().invoke(kuato, [*options, "misp", *arguments])


class TestInstall:
    def test_all_is_there_afterwards_and_a_second_time_does_nothing(self, misp, settings, folder):
        done = run(misp, settings, "install", "--misp-folder", str(folder))
        assert done.exit_code == 0, done.output
        assert misp.tags.keys() == colours().keys() and {UNSUPERVISED, TODO} < misp.tags.keys()
        assert misp.templates == {name: template(name)["version"] for name in TEMPLATES} and misp.taxonomies == {NAMESPACE: True}
        assert (folder / "app" / "files" / "taxonomies" / NAMESPACE / "machinetag.json").is_file()
        assert [tag["colour"] for tag in misp.tags.values()] == [colours()[name] for name in misp.tags]
        misp.asked.clear()
        done = run(misp, settings, "install", "--misp-folder", str(folder))
        assert done.exit_code == 0 and "all tags are there" in done.output and "POST /tags/add" not in misp.asked

    def test_the_folder_of_its_files_is_as_good(self, misp, settings, folder):
        run(misp, settings, "install", "--misp-folder", str(folder / "app" / "files"))
        assert (folder / "app" / "files" / "taxonomies" / NAMESPACE / "machinetag.json").is_file()

    def test_without_misp_s_folder_it_says_what_to_copy(self, misp, settings):
        done = run(misp, settings, "install")
        assert done.exit_code == 1 and "image-similarity to app/files/misp-objects/objects" in done.output and misp.tags

    @pytest.mark.parametrize("right", RIGHTS)
    def test_a_missing_right_is_named(self, misp, settings, folder, right):
        misp.rights -= {right}
        done = run(misp, settings, "install", "--misp-folder", str(folder))
        assert done.exit_code == 1 and f"no {right}" in done.output
        assert bool(misp.tags) is (right != "perm_tag_editor")

    def test_without_a_site_administrator_tags_are_made_all_the_same(self, misp, settings):
        misp.rights -= {"perm_site_admin"}
        done = run(misp, settings, "install")
        assert done.exit_code == 1 and misp.tags.keys() == colours().keys() and not misp.taxonomies

    def test_a_wrong_key_a_server_that_is_away_and_a_wrong_folder_are_told(self, misp, settings, tmp_path):
        assert "misp.key" in run(misp, settings, "install", misp__key="wrong").output
        assert "misp.url" in run(misp, settings, "install", misp__url=f"http://127.0.0.1:{free_port()}").output
        assert "misp.url" in run(misp, settings, "install", misp__url="").output
        assert "app/files" in run(misp, settings, "install", "--misp-folder", str(tmp_path)).output
        assert not misp.tags

    def test_the_key_is_never_shown(self, misp, settings, folder):
        assert KEY not in run(misp, settings, "-h").output + run(misp, settings, "install").output


class TestCheck:
    @pytest.fixture
    def chain(self, misp, settings, tmp_path):
        """Kuato's listener, a stock server with our modules, a MISP that asks it."""
        port = free_port()
        ours = Settings.load(
            environ={},
            overrides={"redis.url": settings["redis.url"], "data.dir": settings["data.dir"], "workers.count": 1}
            | {"misp.listen": f"127.0.0.1:{port}", "misp.deadline": 30.0},
        )
        with Matcher.open(ours) as matcher, listening(matcher, ours) as listener:
            matcher.add(png(page(1)), sources=[seen_in_misp(KNOWN)])
            assert run(misp, settings, "install-module", str(tmp_path / "custom"), "--url", listener.url).exit_code == 0
            with stock(tmp_path, tmp_path / "custom") as server:
                yield listener, server

    def test_a_whole_chain(self, misp, settings, folder, chain):
        listener, server = chain
        host, _, port = server.url.rpartition(":")
        enrichment = {"services_enable": True, "services_url": host, "services_port": int(port), "image_correlation_enabled": True}
        misp.settings = {f"Plugin.Enrichment_{name}": value for name, value in (enrichment | {"hover_enable": True}).items()}
        run(misp, settings, "install", "--misp-folder", str(folder))
        listen = listener.url.removeprefix("http://")
        done = run(misp, settings, "check", "--modules", server.url, misp__listen=listen)
        assert done.exit_code == 0, done.output
        for said in (
            "1 pictures are known",
            "a test picture is read",
            "the misp-modules server answers a question",
            "takes our key",
            "all tags are there",
        ):
            assert said in done.output
        misp.settings |= {"Plugin.Enrichment_services_port": 1, "Plugin.Enrichment_image_correlation_enabled": False}
        done = run(misp, settings, "check", "--modules", server.url, misp__listen=listen)
        assert (
            done.exit_code == 1
            and "MISP asks http://127.0.0.1:1, which is not" in done.output
            and "the button does not offer it" in done.output
        )

    def test_what_is_away_is_told_with_what_to_do(self, misp, settings):
        misp.rights -= {"perm_site_admin"}
        away = f"127.0.0.1:{free_port()}"
        done = run(misp, settings, "check", "--modules", f"http://{away}", misp__listen=away, misp__upstream=f"http://{away}")
        assert done.exit_code == 1
        for said in (
            "add some",
            "is `kuato serve` running?",
            "misp.upstream",
            "kuato misp install-module",
            "template image-similarity is missing",
        ):
            assert said in done.output, said
        assert "that takes the key of a site administrator" in done.output and "Traceback" not in done.output

    def test_it_is_told_in_json_too(self, misp, settings):
        away = f"127.0.0.1:{free_port()}"
        done = run(misp, settings, "check", "--json", misp__listen=away, misp__url="")
        assert all(json.loads(line).keys() == {"well", "text"} for line in done.stdout.splitlines())
