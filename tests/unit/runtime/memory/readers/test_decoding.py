"""Whatever the bytes of a text are, its letters come out."""

from __future__ import annotations

import codecs

import pytest

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers.decoding import decode
from rem_runtime.memory.ingest.readers.reading import read_bytes

GERMAN = "Die Größe der Übung war schön, und die Straße nach Köln ist länger, als man dächte."
FRENCH = "Ça va être une journée très agréable à Besançon, n’est-ce pas, après tout cet été."
POLISH = "Zażółć gęślą jaźń. Dzień dobry wszystkim, którzy dziś przyszli na święto pieśni."
RUSSIAN = (
    "Привет, как дела? Сегодня хорошая погода, и мы идём гулять в парк у реки. Вечером собрание жильцов дома: будем "
    "говорить о ремонте крыши, о новых дверях и о том, кто зимой чистит снег во дворе."
)
GREEK = "Καλημέρα κόσμε, σήμερα έχει ωραίο καιρό και πηγαίνουμε στην παραλία με τα παιδιά."
JAPANESE = "こんにちは世界。今日は天気がいいですね。明日も晴れるといいです。"
CHINESE = "今天天气很好，我们去公园吧。明天可能会下雨，所以要带伞。"


@pytest.mark.parametrize("text", ["plain", GERMAN, RUSSIAN, JAPANESE, "𝄞 and 😀"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_unicode_with_and_without_a_mark(text: str, mark: bytes, encoding: str) -> None:
    assert decode(mark + text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark(encoding: str) -> None:
    assert decode(GERMAN.encode(encoding)) == GERMAN


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("naïve", "latin-1"),
        (GERMAN, "latin-1"),
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
        (POLISH, "cp1250"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (GREEK, "cp1253"),
        (JAPANESE, "shift_jis"),
        (CHINESE, "gb18030"),
        ("word " * 40_000 + GERMAN, "cp1252"),
    ],
)
def test_older_encodings_are_detected(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_html_says_its_own_encoding() -> None:
    page = f"<meta charset=iso-8859-2><p>{POLISH}".encode("iso-8859-2")
    assert POLISH in read_bytes(page, uri="a.html").text
    wrong = f"<meta charset=utf-8><p>{GERMAN}".encode("cp1252")
    assert GERMAN in read_bytes(wrong, uri="a.html").text


@pytest.mark.parametrize(
    "data", [bytes(range(256)), b"\x7fELF\x02\x01\x01\x00" + bytes(64), b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"]
)
def test_what_is_no_text(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="binary"):
        decode(data)


@pytest.mark.parametrize("name", ["hex", "base64", "rot13", "zip", "bz2", "quopri", "idna", "undefined", "oem", "mbcs"])
def test_a_declared_charset_that_is_none_for_text_is_guessed(name: str) -> None:
    data = f'<meta charset="{name}"><p>'.encode() + "Le café est fermé, à bientôt.".encode("cp1252")
    assert decode(data, declares=True).endswith("Le café est fermé, à bientôt.")
    assert "fermé" in read_bytes(data, uri="a.html").text
