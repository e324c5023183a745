"""The legacy service's results, in SOAP 1.1 at POST /ws/results: GetResult and ListResults, document/literal.

It is written as such services usually were: one namespace for everything, every value a text, and a Fault for a missing
record (sent with status 500, as SOAP 1.1 section 6.2 requires).
"""

from collections.abc import Iterable

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.demo.clinic import Clinic, Record, of_patient

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NAMESPACE = "urn:example:clinic:results"

FAULT = """<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
  <soap:Body>
    <soap:Fault>
      <faultcode>soap:{code}</faultcode>
      <faultstring>{text}</faultstring>
      <detail><clinic:{detail} xmlns:clinic="urn:example:clinic:results"/></detail>
    </soap:Fault>
  </soap:Body>
</soap:Envelope>
"""


def routes(clinic: Clinic) -> list[Route]:
    """The SOAP endpoint, over the clinic's results."""

    async def endpoint(request: Request) -> Response:
        status, document = answer(clinic, await request.body())
        return Response(document, status, media_type="text/xml; charset=utf-8")

    return [Route("/ws/results", endpoint, methods=["POST"])]


def answer(clinic: Clinic, envelope: bytes) -> tuple[int, bytes]:
    """The HTTP status and the envelope that answer one envelope. Never raises."""
    try:
        root = etree.fromstring(envelope, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))
    except etree.XMLSyntaxError:
        return _fault("Client", "The envelope is not XML", "NotXml")
    if b"<!DOCTYPE" in envelope:
        return _fault("Client", "A DOCTYPE is not allowed (SOAP 1.1 section 3)", "NotSoap")
    asked = root.find(f"{{{SOAP}}}Body/*")
    if asked is None:
        return _fault("Client", "There is no body", "NotSoap")
    match etree.QName(asked).localname:
        case "GetResult":
            found = clinic.results.get(asked.findtext(f"{{{NAMESPACE}}}ResultId", ""))
            if found is None:
                return _fault("Client", "There is no such result.", "NoSuchResult")
            return 200, _envelope("GetResultResponse", [found])
        case "ListResults":
            patient = asked.findtext(f"{{{NAMESPACE}}}PatientId", "")
            return 200, _envelope("ListResultsResponse", of_patient(clinic.results, patient))
        case _:
            return _fault("Client", "There is no such operation", "NoSuchOperation")


def _fault(code: str, text: str, detail: str) -> tuple[int, bytes]:
    return 500, FAULT.format(code=code, text=text, detail=detail).encode()


def _envelope(name: str, results: Iterable[Record]) -> bytes:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    response = etree.SubElement(
        etree.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{NAMESPACE}}}{name}", nsmap={"clinic": NAMESPACE}
    )
    for one in results:
        result = etree.SubElement(response, f"{{{NAMESPACE}}}Result", Id=one["id"])
        for tag, text in _texts(one).items():
            etree.SubElement(result, f"{{{NAMESPACE}}}{tag}").text = text
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _texts(result: Record) -> dict[str, str]:
    """The elements of one result, in the order of the schema."""
    return {
        "PatientId": result["patient"],
        "LoincCode": result["code"],
        "TestName": result["test"],
        "Value": str(result["value"]),
        "Unit": result["unit"],
        "RangeLow": str(result["low"]),
        "RangeHigh": str(result["high"]),
        "Flag": result["flag"],
        "Final": "true" if result["final"] else "false",
        "TakenAt": result["takenAt"],
    }
