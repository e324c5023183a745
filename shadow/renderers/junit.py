"""The verdict on one capability as a JUnit report, for continuous integration: a test case for each gate. Pure."""

from xml.sax.saxutils import escape, quoteattr

from shadow.evidence.criteria import State
from shadow.report.evidence import EvidenceReport
from shadow.report.wording import told


def to_junit(capability: str, found: EvidenceReport) -> str:
    """The verdict on a capability. A gate that fails is a failure; one that lacks evidence is an error, so that no tool
    counts it as passed."""
    failures = sum(gate.state is State.FAIL for gate in found.gates)
    errors = sum(gate.state is State.MISSING for gate in found.gates)
    suite, says = quoteattr(f"figway gate {capability}"), quoteattr(found.says)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             f'<testsuite name={suite} tests="{len(found.gates)}" failures="{failures}" errors="{errors}">',
             f'  <properties><property name="says" value={says}/><property name="next" '
             f"value={quoteattr(found.action)}/></properties>"]
    for gate in found.gates:
        case = f"  <testcase classname={quoteattr(f'figway.gate.{capability}')} name={quoteattr(gate.name)}"
        message = quoteattr(told(gate))
        match gate.state:
            case State.FAIL:
                lines.append(f"{case}><failure message={message}/></testcase>")
            case State.MISSING:
                lines.append(f"{case}><error message={message}/></testcase>")
            case State.PASS:
                lines.append(f"{case}><system-out>{escape(told(gate))}</system-out></testcase>")
    return "\n".join((*lines, "</testsuite>")) + "\n"
