"""Documents of one content in each format that is compared, as two services write them: each in its own way.

`rows` is how many results a document has, `changed` are the numbers of those that have another value.
"""

import json

PRETTY, TIGHT = 0, 1
"""The two ways to write."""


def value(at, changed):
    return 72.5 + at / 4 + (at in changed) / 20


def day(at):
    return f"2025-02-{1 + at % 28:02}"


def plain(rows, changed, way):
    """JSON without keys, some 200 bytes a row."""
    found = [{
        "patient": f"P{at % 97:05}", "name": f"Smith {at % 211}", "drawn": f"{day(at)}T08:{at % 60:02}:00Z",
        "test": f"GLU{at % 50}", "value": value(at, changed), "unit": "mg/dL", "low": 70, "high": 99,
        "flag": None if at % 3 else "H", "tags": ["a", "b"],
    } for at in range(rows)]
    return json.dumps({"rows": found}, indent=None if way else 1)


def soap(rows, changed, way):
    """SOAP, some 310 bytes a row: other prefixes, and with white space or without."""
    prefix, line, inner = ("s", "", "") if way else ("soap", "\n    ", "\n      ")
    body = "".join(
        f'{line}<r:Result id="R{at}" status="final">{inner}<r:PatientId>P{at % 97:05}</r:PatientId>{inner}'
        f'<r:Test code="GLU{at % 50}" system="LN">Glucose</r:Test>{inner}<r:Value unit="mg/dL">{value(at, changed)}'
        f"</r:Value>{inner}<r:Range><r:Low>70</r:Low><r:High>99</r:High></r:Range>{inner}<r:Drawn>{day(at)}</r:Drawn>"
        f"{line}</r:Result>" for at in range(rows))
    spaces = f'xmlns:{prefix}="http://schemas.xmlsoap.org/soap/envelope/" xmlns:r="urn:example:results"'
    return (f"<{prefix}:Envelope {spaces}><{prefix}:Body><r:Results>{body}</r:Results></{prefix}:Body>"
            f"</{prefix}:Envelope>")


def hl7v2(rows, changed, way):
    """An ORU^R01 with ten results an order, some 86 bytes a result: with empty fields at the end or without."""
    lines = [f"MSH|^~\\&|LAB|A|EHR|B|20250301{way}||ORU^R01^ORU_R01|M{way}|P|2.5.1",
             "PID|1||P7^^^A^MR||Smith^John||19700101|M"]
    for at in range(rows):
        if at % 10 == 0:
            lines += [f"ORC|RE|O{at}|F{at}", f"OBR|{at // 10 + 1}|O{at}|F{at}|CBC^Blood count^L|||202502280830"]
        lines.append(f"OBX|{at % 10 + 1}|NM|{2000 + at % 50}-1^Glucose^LN||{value(at, changed)}|mg/dL|70-99|N|||F|||"
                     f"202502280830{'||||' * way}")
    return "\r".join(lines)


def html(rows, changed, way):
    """A page with a table, some 275 bytes a row: other classes and white space."""
    named, line, inner = ("odd", "\n", "\n") if way else ("row", "\n  ", "\n    ")
    body = "".join(
        f'{line}<tr class="{named}">{inner}<td>P{at % 97:05}</td>{inner}<td class="n"><b>Glucose</b> in blood, '
        f'{2000 + at % 50}-1</td>{inner}<td align="right">{value(at, changed)}</td>{inner}<td>mg/dL</td>{inner}'
        f'<td>70 &ndash; 99</td>{inner}<td><a href="/results/{at}">Show<br>details</a></td>{inner}<td>{day(at)}</td>'
        f"{line}</tr>" for at in range(rows))
    return (f"<!DOCTYPE html><html><head><title>Results</title></head><body class='{named}'><table>{body}</table>"
            "</body></html>")


WRITERS = {
    "JSON rows": (plain, "application/json", 205), "SOAP": (soap, "text/xml", 310),
    "HL7 v2": (hl7v2, "application/hl7-v2", 86), "HTML": (html, "text/html", 275),
}
"""How each format is written, its media type, and the bytes of a row."""
