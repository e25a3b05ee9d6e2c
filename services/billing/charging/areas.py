"""Countries and areas as the VAT law sees them: data, with their sources.

EU member states by ISO 3166-1; in VAT ids Greece is EL. Areas of member states that do not belong to the Union's VAT
territory: Directive 2006/112/EC, article 6; for Germany § 1 (2) UStG. Monaco counts as France (article 7).
"""

EU = frozenset(
    """
    AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK
    """.split()  # noqa: SIM905 - a list would take a line for each
)
COUNTED_AS = {"MC": "FR"}
VAT_PREFIX = {"GR": "EL"}

# Country and beginning of the postcode -> the area's name.
SPECIAL_AREAS: tuple[tuple[str, str, str], ...] = (
    ("DE", "27498", "Helgoland"),
    ("DE", "78266", "Büsingen am Hochrhein"),
    ("ES", "35", "Las Palmas"),
    ("ES", "38", "Santa Cruz de Tenerife"),
    ("ES", "51", "Ceuta"),
    ("ES", "52", "Melilla"),
    ("FI", "22", "Åland"),
    ("FR", "971", "Guadeloupe"),
    ("FR", "972", "Martinique"),
    ("FR", "973", "Guyane"),
    ("FR", "974", "La Réunion"),
    ("FR", "976", "Mayotte"),
    ("GR", "63086", "Agion Oros"),
    ("IT", "22061", "Campione d'Italia"),
    ("IT", "23041", "Livigno"),
)

COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 - a list would take a line for each
)


def special_area(country: str, postcode: str) -> str | None:
    """Return the name of the area outside the VAT territory that a place lies in, or None."""
    code = postcode.replace(" ", "").removeprefix(f"{country}-")
    return next((name for land, start, name in SPECIAL_AREAS if land == country and code.startswith(start)), None)
