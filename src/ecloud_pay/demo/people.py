"""The cast of the sample: who books, who cleans, where, and the words that try to break a terminal or a spreadsheet."""

from dataclasses import dataclass

STAFF_ID = 1
FIXED_CLIENT_ID = 24
FIXED_CLEANER_ID = 26
LAST_ID = 55
CLEANER_IDS = tuple(range(2, LAST_ID, 4))  # 14 of them, 26 among them
_DOMAINS = ("example.com", "example.org", "example.net")


@dataclass(frozen=True, slots=True)
class Person:
    """One client or cleaner, paying and paid in the currency of where they live."""

    id: int
    first_name: str
    last_name: str
    username: str
    email: str
    currency: str
    address: str


# Spreadsheet formulas, terminal escapes, markup, direction overrides: what people paste into a form, by mischief or by accident.
HOSTILE = (
    "\x1b[31mred\x1b[0m alert \x1b]0;owned\x07",
    "C1 \x9b31mred\x9b0m",
    "override \u202egnp.exe\u202c end",
    "isolates \u2066left\u2069 \u2067right\u2069 \u2068first\u2069 mark\u200f",
    "[/x]",
    "[link=https://example.com]x[/link]",
    "[bold red]URGENT[/bold red] [/] [[double]] \\[escaped]",
    "line one\nline two\n\nline four",
    "column\tcolumn\tcolumn",
    "gone\rback at the start\r\nand on",
    "Thorough cleaning of every room, cupboard and window sill. " * 50,
    "family \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 flag \U0001f1ef\U0001f1f5 wave \U0001f44b\U0001f3fd",
    "Z\u0335\u0321\u0353a\u0334\u0347\u0301l\u0336\u0322\u0300g\u0337\u0300o\u0338\u0322\u0301 and cafe\u0301",
    "東京都渋谷区の大掃除、窓も全部 ㈱クリーン",
    "تنظيف عميق للشقة رقم ١٤ mixed with English",
    '=HYPERLINK("http://example.com")',
    "+1",
    "-1",
    "@SUM(A1)",
    "=1+2\";=1+2';=1+2",
    "\"double\", 'single' and ''two''",
    "comma, semicolon; pipe| tab\t end",
    "C:\\jobs\\new\\.\\N \\x1b[31m \\u202e %s {0} $HOME `id`",
    "zero\u200bwidth\ufeffjoined\u00a0space\u2028line\u2029paragraph",
    " leading and trailing blanks ",
)
_HOSTILE_NAMES = {
    12: ("Robert'); DROP TABLE payments_payment;--", "Tables", ""),
    17: ("\x1b[31mRed", "Rum\x1b[0m", "\x1b[31mred.rum\x1b[0m"),
    29: ("=cmd|'/c calc'!A1", "Excel", "=1+1"),
    33: ("[bold red]Serge", "Rich[/x]", "[/x]serge"),
    41: ("\u202eanaloG", "Bidi\u2066", "\u202emoc.elpmaxe@nimda"),
    46: ("N" * 70, "Very Long " * 12, "very.long." * 14),
}

_CLIENTS = {
    "usd": """Amara Okafor=amara.okafor; Olivia Brown=olivia.brown; Liam O'Connor=liam.oconnor; Priya Raghunathan=priya.r;
        Mateo Álvarez=mateo.alvarez; Nguyễn Thị Hoa=hoa.nguyen; Bobby Tables=bobby.tables; Grace Kim=grace.kim;
        Daniel Cohen=daniel.cohen; Leilani Kahale=leilani.kahale; Fatima Al-Sayed=fatima.alsayed; Tom Becker=tom.becker;
        Rum Red=red.rum; Chidi Anagonye=chidi.anagonye; Sofia Rossi=sofia.rossi; Jack Whitehorse=jack.whitehorse;
        Hannah Schwartz=hannah.schwartz; Omar Haddad=omar.haddad; Emily Chen=emily.chen; Ana Lucía Vega=analucia.vega;
        Excel User=excel.user; Peter van Dijk=peter.vandijk; Serge Rich=serge.rich; Ruth Mbeki=ruth.mbeki; Noah Patel=noah.patel;
        Isabel da Silva=isabel.dasilva; Kwame Mensah=kwame.mensah; Bea Golan=bea.golan; Jun Park=jun.park;
        Maya Thompson=maya.thompson""",
    "eur": """Zoë Lindqvist=zoe.lindqvist; Łukasz Wójcik=lukasz.wojcik; Åsa Sørensen=asa.sorensen; Élodie Dubois=elodie.dubois;
        Jürgen Groß=juergen.gross; Siobhán Ní Bhriain=siobhan""",
    "jpy": "佐藤 花子=hanako.sato; 鈴木 一郎=ichiro.suzuki; Yuki Tanaka=yuki.tanaka",
}
_CLEANERS = {
    "usd": """Maria Gonzales=maria.gonzales; Kofi Boateng=kofi.boateng; Ewa Kowalska=ewa.kowalska; Denise Walker=denise.walker;
        Tuan Le=tuan.le; Rosa Jiménez=rosa.jimenez; Aisha Diallo=aisha.diallo; Pavel Novák=pavel.novak; Grant Hill=grant.hill""",
    "eur": "Inês Carvalho=ines.carvalho; Dimitris Papadopoulos=dimitris.p",
    "jpy": "高橋 健=ken.takahashi; Mika Ito=mika.ito",
}
_ADDRESSES = {
    "usd": """88 Harbor View Dr, Seattle, WA; 4 Elm Ct, Austin, TX; 1907 Mission St #3, San Francisco, CA; 52 W 91st St, New York, NY;
        730 Peachtree St NE, Atlanta, GA; 2 Beacon Hill Ln, Boston, MA; 611 S Wells St, Chicago, IL; 15 Kalākaua Ave, Honolulu, HI;
        3300 Blake St, Denver, CO; 9 Bayou Rd, New Orleans, LA; 77 Sunset Blvd, Los Angeles, CA""",
    "eur": "12 Rue de la Paix, Paris; Königstraße 7, Köln; Calle Mayor 3, Madrid; Ul. Długa 44, Kraków; 8 O'Connell St, Dublin",
    "jpy": "東京都渋谷区神南1-2-3; 大阪市北区梅田3-1-1; 5-2 Minato Mirai, Yokohama",
}


def clients() -> list[Person]:
    """Forty clients, ids ascending; number 24 is the one of payment #5."""
    ids = [number for number in range(STAFF_ID + 1, LAST_ID + 1) if number not in CLEANER_IDS and number != FIXED_CLIENT_ID]
    fixed = Person(FIXED_CLIENT_ID, "Test", "Client", "client1@test.com", "client1@test.com", "usd", "123 Main St")
    return sorted([*_cast(_CLIENTS, ids), fixed], key=lambda person: person.id)


def cleaners() -> list[Person]:
    """Fourteen cleaners, ids ascending; number 26 is the one of payment #5."""
    ids = [number for number in CLEANER_IDS if number != FIXED_CLEANER_ID]
    fixed = Person(FIXED_CLEANER_ID, "Test", "Cleaner", "cleaner1@test.com", "cleaner1@test.com", "usd", "9 Mop Ln")
    return sorted([*_cast(_CLEANERS, ids), fixed], key=lambda person: person.id)


def _cast(names: dict[str, str], ids: list[int]) -> list[Person]:
    entries = [(currency, entry) for currency, block in names.items() for entry in _entries(block)]
    # A stride that shares no factor with their 39 or 13 mixes the currencies through the ids without chance.
    return [_person(number, *entries[index * 5 % len(entries)]) for index, number in enumerate(ids)]


def _person(number: int, currency: str, entry: str) -> Person:
    name, local = entry.split("=")
    email = f"{local}@{_DOMAINS[number % 3]}"
    first, _, last = name.partition(" ")
    first, last, username = _HOSTILE_NAMES.get(number, (first, last, ""))
    addresses = _entries(_ADDRESSES[currency])
    return Person(number, first, last, username or email, email, currency, addresses[number % len(addresses)])


def _entries(block: str) -> list[str]:
    return [entry.strip() for entry in block.split(";")]
