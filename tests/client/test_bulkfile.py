"""Bulk files as people write them: what is right, what is wrong and in which line, and the same cut every time."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from client import bulkfile
from client.bulkfile import STAND_IN, UnreadableFile, bulk_id_of, read_file
from client.bulks import Bulk, _request, prepare
from client.passwords import hash_password
from contracts.bulk_v1 import BulkItemView
from contracts.envelope import MAX_MESSAGE_BYTES
from contracts.refusals import refuse
from services.cli import app
from services.cli.desk import DEFAULT_STACK, Desk
from services.cli.texts import SENTENCES
from services.cli.views_bulk import write_again
from tests.client.conftest import HASH

DESK = Desk("nordwind", None, None, DEFAULT_STACK, "table", "en", 5.0, True, None, "api")
HEADER = "kind,address,first_name,last_name,plan,password,password_hash,aliases\n"


@pytest.fixture
def write(tmp_path: Path):
    def _write(text: str | bytes, name: str = "umzug.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return _write


def codes(path: Path) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in read_file(path).problems]


def entries(path: Path):
    return [entry for _, part in read_file(path).part_entries() for entry in part]


def test_a_line_of_each_kind_becomes_its_order_and_a_mailbox_with_aliases_two(write):
    path = write(
        HEADER
        + "domain,Nordwind-Segel.DE,,,,,,\n"
        + f'mailbox,Anna@straße.de,Anna,Nord,mail,,"{HASH}",info@straße.de buero@x.de\n'
        + "alias,anna@straße.de,,,,,,kontakt@straße.de;post@straße.de\n"
    )
    found = entries(path)
    assert [(entry.line, entry.kind) for entry in found] == [(2, "domain"), (3, "mailbox"), (3, "alias"), (4, "alias")]
    assert found[0].order == {"domain": "nordwind-segel.de"}
    assert found[1].order["address"] == "anna@xn--strae-oqa.de"
    assert found[3].order["aliases"] == ["kontakt@xn--strae-oqa.de", "post@xn--strae-oqa.de"]


def test_json_lines_say_the_same(write):
    path = write(
        '{"kind": "domain", "domain": "a.de"}\n\n'
        f'{{"kind": "mailbox", "address": "a@a.de", "first_name": "A", "last_name": "B", "plan": "mail",'
        f' "password_hash": "{HASH}", "aliases": ["b@a.de"]}}\nnix\n[1]\n{{"kind": "domain", "fax": 1}}\n',
        "umzug.jsonl",
    )
    assert codes(path) == [(4, "not_json"), (5, "no_object"), (6, "unknown_column")]
    assert [(e.line, e.kind) for e in entries(path)] == [(1, "domain"), (3, "mailbox"), (3, "alias")]


def test_every_bad_line_is_named_with_its_number_and_the_others_are_read(write):
    path = write(
        HEADER
        + "mailbox,ohne-at,A,B,mail,geheim,,\n"
        + "fax,a@a.de,,,,,,\n"
        + "mailbox,b@a.de,A,B,mail,geheim,\n"
        + "mailbox,c@a.de,A,B,mail,,,\n"
        + f'mailbox,d@a.de,A,B,mail,geheim,"{HASH}",\n'
        + "alias,e@a.de,,,mail,,,f@a.de\n"
        + "mailbox,g@a.de,A,B,mail,geheim,,\n"
        + "alias,h@a.de,,,,,,G@a.de\n"
        + "mailbox,i@a.de,A,B,mail,,geheim,\n"
        + '"mailbox","j@a.de","Über\nzwei Zeilen",B,mail,geheim,,\n'
        + "alias,k@a.de,,,,,,\n"
    )
    assert codes(path) == [
        (2, "value"), (3, "kind"), (4, "cells"), (5, "password_missing"), (6, "password_choice"), (7, "unused_column"),
        (9, "twice"), (10, "value"), (11, "value"), (13, "aliases_missing"),
    ]  # fmt: skip
    assert "geheim" not in repr(read_file(path).problems)
    assert [entry.order["address"] for entry in entries(path)] == ["g@a.de"]


@pytest.mark.parametrize(
    ("content", "line", "code"),
    [
        (HEADER.encode() + "domain,müller.de,,,,,,\n".encode("latin-1"), 2, "not_utf8"),
        (b"\xff\xfek\x00i\x00", 1, "not_utf8"),
        (b"kind,address\ndomain,a\x00.de\n", 2, "not_text"),
        (b"art,adresse\n", 1, "unknown_column"),
        (b"domain\na.de\n", 1, "no_header"),
        (b"", 1, "no_header"),
        (b"kind,address,kind\n", 1, "column_twice"),
        (b'kind,address\ndomain,"a.de\n', 2, "bad_quotes"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_says_from_which_line_on(write, content, line, code):
    with pytest.raises(UnreadableFile) as caught:
        read_file(write(content))
    assert (caught.value.problem.line, caught.value.problem.code) == (line, code)


@pytest.mark.parametrize("text", ["\ufeffkind;address\ndomain;a.de\n", "KIND\tAddress\r\ndomain\ta.de\r\n"])
def test_the_separators_and_the_mark_that_spreadsheets_write_are_understood(write, text):
    assert [entry.order for entry in entries(write(text))] == [{"domain": "a.de"}]


def test_parts_fit_into_messages_and_the_same_file_is_cut_the_same(write):
    aliases = [" ".join(f"a{n}x{k}@a.de" for k in range(60)) for n in range(400)]
    rows = "".join(f'mailbox,m{n}@a.de,Anna,Nord,mail,,"{HASH}",{aliases[n]}\n' for n in range(400))
    path = write(HEADER + rows)
    checked = read_file(path)
    assert checked.total == 800
    assert len(checked.parts) > 2
    for number, part in checked.part_entries():
        assert len(part) == checked.parts[number - 1]
        assert sum(len(entry.item().model_dump_json()) for entry in part) < MAX_MESSAGE_BYTES
    assert read_file(path).parts == checked.parts


async def test_the_same_file_makes_the_same_requests_passwords_included(write):
    path = write(HEADER + "mailbox,a@a.de,A,B,mail,geheim,,\nmailbox,b@a.de,A,B,mail,geheim,,\n")
    made = [await first_part(prepare(read_file(path), "nordwind")) for _ in range(2)]
    assert made[0] == made[1]
    hashes = [item.order["password_hash"] for item in made[0].items]
    assert hashes[0] != hashes[1]
    assert len(hashes[0]) == len(STAND_IN) == len(hash_password("geheim"))
    assert b"geheim" not in made[0].model_dump_json().encode()
    other = await first_part(prepare(read_file(path), "suedwind"))
    assert other.bulk_id != made[0].bulk_id
    assert other.items[0].order["password_hash"] != hashes[0]
    assert made[0].bulk_id == bulk_id_of("nordwind", made[0].digest)


async def first_part(bulk: Bulk):
    from concurrent.futures import ThreadPoolExecutor

    (number, part), *_ = bulk.file.part_entries()
    with ThreadPoolExecutor(2) as pool:
        return await _request(bulk, number, part, pool)


def test_a_file_with_problems_is_not_sent_and_says_so(write):
    path = write("kind,address\ndomain,a.de\nfax,b\n")
    for arguments in (["check", str(path)], ["submit", str(path)]):
        ended = CliRunner().invoke(
            app, ["--lang", "en", "-a", "nordwind", "--nats", "nats://127.0.0.1:1", "bulk", *arguments]
        )
        assert ended.exit_code == 3
        assert "line 3: kind must be one of" in ended.output
    fine = CliRunner().invoke(app, ["--lang", "de", "bulk", "check", str(write("kind,address\ndomain,a.de\n"))])
    assert (fine.exit_code, "1 Domains" in fine.output) == (0, True)


def test_every_problem_has_its_sentence_in_both_languages():
    raised = {code for file in (bulkfile,) for code in re.findall(r'Problem\([\w\[\]0-9. ]+, "(\w+)"', _source(file))}
    assert len(raised) > 15
    assert {f"bulk_{code}" for code in raised} <= SENTENCES.keys()


def _source(module) -> str:
    return Path(module.__file__).read_text()


def test_refused_lines_are_written_again_with_their_reason_and_can_be_read_so(write, capsys):
    path = write('kind;address;aliases\ndomain;a.de;\nalias;x@a.de;"b@a.de c@a.de"\n')
    refused = BulkItemView(number=1002, line=3, kind="alias", subject="x@a.de", state="refused",
                           refusal=refuse("mailbox_unknown", address="x@a.de"))  # fmt: skip
    write_again(DESK, [refused], path)
    out = capsys.readouterr().out
    again = write(out, "wieder.csv")
    assert [entry.order for entry in entries(again)] == [{"address": "x@a.de", "aliases": ["b@a.de", "c@a.de"]}]
    assert "mailbox_unknown: " in out
