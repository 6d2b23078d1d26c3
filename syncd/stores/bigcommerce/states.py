"""States and provinces by their official abbreviations. A tax service refuses the document of an order whose address has a state
abbreviated (the vendor's page on orders), so these are written out; others are left as the ERP has them."""

from __future__ import annotations

from typing import Final

_US: Final = (
    "AL Alabama,AK Alaska,AZ Arizona,AR Arkansas,CA California,CO Colorado,CT Connecticut,DE Delaware,"
    "DC District of Columbia,FL Florida,GA Georgia,HI Hawaii,ID Idaho,IL Illinois,IN Indiana,IA Iowa,KS Kansas,KY Kentucky,"
    "LA Louisiana,ME Maine,MD Maryland,MA Massachusetts,MI Michigan,MN Minnesota,MS Mississippi,MO Missouri,MT Montana,"
    "NE Nebraska,NV Nevada,NH New Hampshire,NJ New Jersey,NM New Mexico,NY New York,NC North Carolina,ND North Dakota,OH Ohio,"
    "OK Oklahoma,OR Oregon,PA Pennsylvania,RI Rhode Island,SC South Carolina,SD South Dakota,TN Tennessee,TX Texas,UT Utah,"
    "VT Vermont,VA Virginia,WA Washington,WV West Virginia,WI Wisconsin,WY Wyoming,PR Puerto Rico,GU Guam"
)
_CA: Final = (
    "AB Alberta,BC British Columbia,MB Manitoba,NB New Brunswick,NL Newfoundland and Labrador,NS Nova Scotia,"
    "NT Northwest Territories,NU Nunavut,ON Ontario,PE Prince Edward Island,QC Quebec,SK Saskatchewan,YT Yukon"
)
_AU: Final = (
    "ACT Australian Capital Territory,NSW New South Wales,NT Northern Territory,QLD Queensland,SA South Australia,TAS Tasmania,"
    "VIC Victoria,WA Western Australia"
)
STATES: Final = {
    country: dict(entry.split(" ", 1) for entry in told.split(","))
    for country, told in (("US", _US), ("CA", _CA), ("AU", _AU))
}


def written_out(state: str, country: str) -> str:
    """The state's name; as it is where it is no known abbreviation."""
    return STATES.get(country, {}).get(state.strip().rstrip(".").upper(), state)
