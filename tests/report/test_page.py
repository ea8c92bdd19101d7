"""The page as a whole: self-contained, safe, complete, small, and honest about gaps."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.report.fake_run import write_fake_run

from telos.report import build_report, write_report
from telos.report.measures import probes_of

VOID = {"meta", "link", "input", "br", "hr", "img"}
HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'


class Page(HTMLParser):
    """Tags of a page, and whether they nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.stack.pop() == tag

    def having(self, attribute: str) -> list[str]:
        found = [attrs[attribute] for _, attrs in self.tags if attribute in attrs]
        return [value or "" for value in found]


@pytest.fixture(scope="module")
def html(finished_run: Path) -> str:
    return build_report([finished_run])


def films_of(html: str) -> dict:
    match = re.search(r'id="films">(.*?)</script>', html, re.S)
    assert match is not None
    return json.loads(match[1])


def sections(html: str) -> list[str]:
    return re.findall(r'<section class="row[^"]*"[^>]*aria-label="(\w+)"', html)


def test_every_section_is_there_and_tags_nest(html: str) -> None:
    Page(html)
    assert set(sections(html)) == {
        "Episodes",
        "Success",
        "Guardrails",
        "Decisions",
        "Attribution",
        "Prediction",
        "Representation",
        "Training",
        "Reproduce",
    }


def test_nothing_is_loaded_from_anywhere(html: str) -> None:
    page = Page(html)
    assert not [src for src in page.having("src") if not src.startswith("data:")]
    assert all(link.startswith("#") for link in page.having("href"))
    assert "link" not in {tag for tag, _ in page.tags}
    assert "@import" not in html
    assert "url(" not in html
    assert "fetch(" not in html
    assert "default-src 'none'" in html


def test_links_within_the_page_arrive(html: str) -> None:
    page = Page(html)
    targets = set(page.having("id"))
    assert {link.removeprefix("#") for link in page.having("href")} <= targets


def test_ids_are_unique(finished_run: Path, tmp_path: Path) -> None:
    other = write_fake_run(tmp_path / "other", seed=1, guarded=False)
    ids = Page(build_report([finished_run, other])).having("id")
    assert len(ids) == len(set(ids))


def test_the_verdict_is_a_sentence(html: str) -> None:
    assert "Reaches goals in rooms it has never seen in 196 of 200 episodes" in html
    assert "random actions 4\u00a0%, straight line 31\u00a0%" in html
    assert "Never entered the keep-out zone in 200 episodes" in html


def test_the_weakest_link_is_named_beside_every_rung(html: str) -> None:
    assert "weakest: learned dynamics" in html
    assert "with the learned model 81 %" in html
    order = [
        html.index(f">{name}<")
        for name in ("As shipped", "For comparison, with another cost:")
    ]
    order.append(html.index("Exact dynamics, latent distance<"))
    assert order == sorted(order)
    assert "64 episodes on every rung; a search of 40 candidates and 3 rounds" in html
    assert '<td class="n">step 3</td>' in html


@pytest.mark.parametrize("key", ["protocol", "settings", "links", "rungs"])
@pytest.mark.parametrize("value", [None, [], "nonsense", [{"title": "x"}, 3]])
def test_any_value_of_an_attribution_may_be_missing_or_wrong(
    own_run: Path, key: str, value: object
) -> None:
    shutil.rmtree(own_run / "evaluations")
    (own_run / "metrics.jsonl").unlink()
    path = own_run / "attribution/rooms-random.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    Page(build_report([own_run]))


def test_failures_are_shown_first(html: str) -> None:
    films = films_of(html)
    for evaluation in (0, 1):
        keys = [key for key in films if key.startswith(f"run-0-eval-{evaluation}-")]
        assert [films[key]["success"] for key in keys] == [False] * 4 + [True] * 4


def test_the_page_of_long_episodes_is_small(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "long", steps=200, guarded=False)
    assert len(build_report([run]).encode()) < 1_000_000


def test_the_same_folder_gives_the_same_page(finished_run: Path, html: str) -> None:
    assert build_report([finished_run]) == html


def test_fewer_films_on_request(finished_run: Path) -> None:
    assert len(films_of(build_report([finished_run], films=1))) == 2


def test_every_label_has_one_row_with_both_probes_and_both_controls(html: str) -> None:
    (row,) = re.findall(r'<tr><th scope="row">door y</th>(.*?)</tr>', html)
    cells = [re.sub("<[^>]*>", " ", cell).split() for cell in row.split("</td>")]
    assert cells[:2] == [["0.513", "0.020"], ["0.871", "-0.040"]]
    assert [cell[0] for cell in cells[2:4]] == ["3.4", "11"]


def test_probes_of_earlier_evaluations_are_shown_too() -> None:
    old = {"r2": 0.9, "error": 1.5, "guess": 6.0, "unit": "px", "kind": "mlp"}
    (row,) = probes_of({"probes": {"position": old}})
    assert (row.linear, row.network) == ("", "0.900")
    assert (row.error, row.untrained_network) == ("1.5\u00a0px", "")


def test_hostile_strings_stay_text(tmp_path: Path) -> None:
    run = write_fake_run(tmp_path / "<script>alert(1)<")
    for name in ("config.json", "env.json", "diagnostics.json"):
        content = (run / name).read_text().replace('"tiny"', json.dumps(HOSTILE))
        (run / name).write_text(content.replace('"ok"', json.dumps(HOSTILE)))
    for path in run.glob("evaluations/*/evaluation.json"):
        values = json.loads(path.read_text())
        values |= {"command": HOSTILE, "commit": HOSTILE}
        values["protocol"] |= {"description": HOSTILE, "unit": HOSTILE, "name": HOSTILE}
        values["probes"] = {HOSTILE: {"r2": 0.5, "error": 1.0, "unit": HOSTILE}}
        path.write_text(json.dumps(values))
    lines = [
        json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()
    ]
    rows = [row | {HOSTILE: 1.0, "phase": HOSTILE} for row in lines]
    (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    page = Page(build_report([run]))
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert "img" not in {tag for tag, _ in page.tags}
    assert not page.having("onerror")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("metrics.jsonl", "metrics.jsonl is missing or empty"),
        ("diagnostics.json", "diagnostics.json is missing"),
        ("config.json", "config.json is missing"),
        ("env.json", "telos evaluate"),
        ("attribution", "telos attribute"),
        ("evaluations", "has not been evaluated yet"),
        ("evaluations/rooms-random/traces.npz", "No episode was recorded"),
        ("evaluations/rooms-random", "open-loop prediction error"),
    ],
)
def test_a_missing_part_is_named_with_its_command(
    own_run: Path, part: str, words: str
) -> None:
    path = own_run / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = build_report([own_run])
    Page(page)
    assert words in page
    assert "telos " in page


@pytest.mark.parametrize(
    "key",
    [
        "protocol",
        "success",
        "floors",
        "ceiling",
        "violations",
        "triple",
        "decisions",
        "statuses",
        "open_loop",
        "probes",
        "machine",
        "episodes",
    ],
)
@pytest.mark.parametrize("value", [None, [], "nonsense"])
def test_any_value_of_an_evaluation_may_be_missing_or_wrong(
    own_run: Path, key: str, value: object
) -> None:
    shutil.rmtree(own_run / "evaluations/rooms-random")
    path = own_run / "evaluations/rooms-zone/evaluation.json"
    path.with_name("traces.npz").unlink()
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    (own_run / "metrics.jsonl").unlink()
    Page(build_report([own_run]))


def test_without_a_zone_there_is_no_guardrail_section(own_run: Path) -> None:
    shutil.rmtree(own_run / "evaluations/rooms-zone")
    path = own_run / "evaluations/rooms-random/evaluation.json"
    triple = {"safe_success": 196, "violation": 0, "incomplete": 4}
    values = json.loads(path.read_text()) | {"violations": None, "triple": triple}
    path.write_text(json.dumps(values))
    assert "Guardrails" not in sections(build_report([own_run]))


def test_a_damaged_recording_leaves_the_rest(own_run: Path) -> None:
    (own_run / "evaluations/rooms-random/traces.npz").write_bytes(b"torn")
    page = build_report([own_run])
    assert "traces.npz could not be read" in page
    assert len(films_of(page)) == 8


def test_several_runs_are_compared(finished_run: Path, tmp_path: Path) -> None:
    other = write_fake_run(tmp_path / "ablation", seed=1, guarded=False)
    page = build_report([finished_run, other])
    assert sections(page)[0] == "Comparison"
    assert "losses.inverse" in page
    assert "no clear winner" in page
    assert 'id="run-1"' in page


def test_a_clear_winner_and_different_protocols_are_said(
    finished_run: Path, tmp_path: Path
) -> None:
    other = write_fake_run(tmp_path / "ablation", seed=1, guarded=False)
    path = other / "evaluations/rooms-random/evaluation.json"
    values = json.loads(path.read_text())
    values["success"] = {"k": 20, "n": 200, "low": 0.07, "high": 0.15}
    values["protocol"]["hash"] = "another"
    path.write_text(json.dumps(values))
    page = build_report([finished_run, other])
    assert (
        "demo reaches 98.0\u00a0% under rooms-random, clearly ahead of ablation" in page
    )
    assert "their hashes differ" in page


def test_the_same_folder_twice_gets_two_names(finished_run: Path) -> None:
    page = build_report([finished_run, finished_run])
    assert "demo (1)" in page
    assert "demo (2)" in page


def test_no_run_is_an_error() -> None:
    with pytest.raises(ValueError, match="no run folder given"):
        build_report([])


def test_written_as_a_whole(finished_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "report.html"
    size = write_report([finished_run], out)
    assert out.stat().st_size == size
    assert out.read_text("utf-8").startswith("<!doctype html>")


def test_no_torch_is_needed(finished_run: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from telos.report import write_report;"
        "write_report([Path(sys.argv[1])], Path(sys.argv[2]));"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    paths = [str(finished_run), str(tmp_path / "report.html")]
    subprocess.run([sys.executable, "-c", code, *paths], check=True, timeout=60)


def telos(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "telos", "report", *arguments]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_writes_the_page(finished_run: Path, tmp_path: Path) -> None:
    done = telos(str(finished_run), "--out", "page.html", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["report"] == "page.html"
    assert (tmp_path / "page.html").is_file()


def test_the_command_explains_a_wrong_folder(tmp_path: Path) -> None:
    done = telos("nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "run folder 'nowhere' does not exist" in done.stderr


def test_pictures_of_what_was_imagined_are_part_of_the_page(own_run: Path) -> None:
    before = build_report([own_run])
    assert "What came, and what was imagined" not in before
    (own_run / "imagined.png").write_bytes(b"\x89PNG and so on")
    said = json.loads((own_run / "diagnostics.json").read_text())
    line = {"about": "decoder", "name": "shown", "text": "pictures show 93% <b>"}
    (own_run / "diagnostics.json").write_text(json.dumps([*said, line]))
    page = build_report([own_run])
    assert "What came, and what was imagined" in page
    assert 'src="data:image/png;base64,iVBORyBhbmQgc28gb24="' in page
    assert "pictures show 93% &lt;b&gt;" in page
