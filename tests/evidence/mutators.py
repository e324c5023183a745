"""What modern arms get wrong: one small function for each defect. It takes modern's answer and spoils it.

A mutator raises KeyError, IndexError, TypeError or AttributeError where an answer has nothing that it could spoil.
"""

from collections.abc import Callable
from typing import Any

from adapters.document import Number
from tests.evidence.service import Answer

Mutator = Callable[[Answer], None]
MUTATORS: dict[str, Mutator] = {}


def _mutator(spoil: Mutator) -> Mutator:
    MUTATORS[spoil.__name__.replace("_", " ")] = spoil
    return spoil


def _resource(answer: Answer, kind: str) -> dict[str, Any]:
    """The first resource of a kind."""
    if answer.body.get("resourceType") == kind:
        return answer.body
    return next(one["resource"] for one in sorted(answer.body["entry"], key=lambda one: one["fullUrl"])
                if one["resource"]["resourceType"] == kind) if _has(answer, kind) else {}[kind]


def _has(answer: Answer, kind: str) -> bool:
    return any(one["resource"]["resourceType"] == kind for one in answer.body["entry"])


# --- records ---

@_mutator
def drop_an_entry(answer):
    answer.body["entry"].pop()


@_mutator
def duplicate_an_entry(answer):
    answer.body["entry"].append(answer.body["entry"][0])


@_mutator
def add_another_patient_s_entry(answer):
    entry = answer.body["entry"][0]
    resource = {**entry["resource"], "id": "x1", "subject": {"reference": "Patient/p999999"}}
    answer.body["entry"].append({"fullUrl": "http://fhir.example/r4/Other/x1", "resource": resource})


@_mutator
def drop_one_of_two_equal_items(answer):
    answer.body["contained"].pop()


@_mutator
def answer_for_another_patient(answer):
    _resource(answer, "Patient")["id"] = "p999999"


@_mutator
def swap_the_subject(answer):
    _resource(answer, "Observation")["subject"]["reference"] = "Patient/p999999"


@_mutator
def drop_the_next_page(answer):
    answer.body["link"] = [one for one in answer.body["link"] if one["relation"] != "next"]


@_mutator
def wrong_total(answer):
    answer.body["total"] = Number(int(answer.body["total"]) + 1)


# --- results ---

@_mutator
def swap_a_unit(answer):
    quantity = _resource(answer, "Observation")["valueQuantity"]
    quantity["unit"] = quantity["code"] = "mg/dL"


@_mutator
def move_the_decimal_point(answer):
    quantity = _resource(answer, "Observation")["valueQuantity"]
    quantity["value"] = Number(str(float(quantity["value"]) * 10))


@_mutator
def round_a_value(answer):
    quantity = _resource(answer, "Observation")["valueQuantity"]
    quantity["value"] = Number(f"{float(quantity['value']):.0f}")


@_mutator
def lose_the_last_zero(answer):
    limits = _resource(answer, "Observation")["referenceRange"][0]["low"]
    limits["value"] = Number(limits["value"].rstrip("0"))


@_mutator
def lose_a_comparator(answer):
    for entry in answer.body["entry"]:
        if "comparator" in entry["resource"].get("valueQuantity", {}):
            del entry["resource"]["valueQuantity"]["comparator"]
            return
    raise KeyError("comparator")


@_mutator
def lose_an_interpretation(answer):
    del _resource(answer, "Observation")["interpretation"]


@_mutator
def retract_a_result(answer):
    _resource(answer, "Observation")["status"] = "entered-in-error"


@_mutator
def change_a_code(answer):
    _resource(answer, "Observation")["code"]["coding"][0]["code"] = "2339-0"


@_mutator
def lose_a_code_system(answer):
    del _resource(answer, "Observation")["code"]["coding"][0]["system"]


# --- allergies and medication ---

@_mutator
def turn_a_refuted_allergy_active(answer):
    del _resource(answer, "AllergyIntolerance")["verificationStatus"]


@_mutator
def resolve_an_allergy(answer):
    _resource(answer, "AllergyIntolerance")["clinicalStatus"]["coding"][0]["code"] = "resolved"


@_mutator
def swap_a_dose_unit(answer):
    dose = _resource(answer, "MedicationRequest")["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
    dose["unit"] = dose["code"] = "g"


@_mutator
def lose_do_not_perform(answer):
    del _resource(answer, "MedicationRequest")["doNotPerform"]


@_mutator
def stop_a_medication(answer):
    _resource(answer, "MedicationRequest")["status"] = "stopped"


@_mutator
def truncate_a_text(answer):
    dosage = _resource(answer, "MedicationRequest")["dosageInstruction"][0]
    dosage["text"] = dosage["text"][:8]


# --- people and times ---

@_mutator
def break_the_encoding(answer):
    name = _resource(answer, "Patient")["name"][0]
    broken = name["family"].encode().decode("latin-1")
    if broken == name["family"]:
        raise KeyError("nothing to break")  # ASCII alone
    name["family"] = broken


@_mutator
def truncate_a_name(answer):
    name = _resource(answer, "Patient")["name"][0]
    name["family"] = name["family"][:5]


@_mutator
def swap_the_given_names(answer):
    _resource(answer, "Patient")["name"][0]["given"].reverse()


@_mutator
def transpose_a_birth_date(answer):
    patient = _resource(answer, "Patient")
    patient["birthDate"] = patient["birthDate"][:-2] + "71"


@_mutator
def lose_an_identifier_s_system(answer):
    del _resource(answer, "Patient")["identifier"][0]["system"]


@_mutator
def switch_the_gender(answer):
    patient = _resource(answer, "Patient")
    patient["gender"] = "male" if patient["gender"] == "female" else "female"


@_mutator
def shift_a_zone(answer):
    answer.body["start"] = answer.body["start"].replace("+02:00", "Z")


@_mutator
def shift_a_day(answer):
    observation = _resource(answer, "Observation")
    observation["effectiveDateTime"] = observation["effectiveDateTime"].replace("2024-03-1", "2024-03-2")


# --- kinds of values ---

@_mutator
def null_for_missing(answer):
    if "note" not in answer.body:
        raise KeyError("note")
    answer.body["cancelled"] = None


@_mutator
def empty_text_for_null(answer):
    answer.body["note"] = answer.body["note"] or ""


@_mutator
def a_number_as_text(answer):
    answer.body["minutes"] = str(answer.body["minutes"])


@_mutator
def a_boolean_as_text(answer):
    answer.body["confirmed"] = str(answer.body["confirmed"]).lower()


@_mutator
def reverse_an_ordered_list(answer):
    answer.body["steps"].reverse()


@_mutator
def trim_a_text(answer):
    answer.body["room"] = answer.body["room"].strip()


# --- the message ---

@_mutator
def widen_access(answer):
    if answer.status != 403:
        raise KeyError("nothing is withheld")
    answer.status, answer.body = 200, {"resourceType": "DocumentReference", "id": "d1"}


@_mutator
def not_found(answer):
    if answer.status != 200:
        raise KeyError("nothing is there")
    answer.status, answer.body = 404, {"resourceType": "OperationOutcome"}


@_mutator
def created_for_ok(answer):
    if answer.status != 200:
        raise KeyError("nothing is there")
    answer.status = 201


@_mutator
def another_content_type(answer):
    answer.headers = {**answer.headers, "Content-Type": "text/plain"}


@_mutator
def lose_the_etag(answer):
    answer.headers = {name: value for name, value in answer.headers.items() if name != "ETag"} \
        if "ETag" in answer.headers else {}["ETag"]


@_mutator
def cut_the_body_short(answer):
    answer.cut = 20


@_mutator
def reset_the_connection(answer):
    answer.failure = "reset"


# --- what looks like noise ---

@_mutator
def a_stale_clock(answer):
    answer.body["servedAt"] = f"2019{answer.body['servedAt'][4:]}"


@_mutator
def forget_the_order_of_a_search(answer):
    answer.body["entry"].sort(key=lambda one: one["fullUrl"], reverse=True)


@_mutator
def one_request_id_for_all(answer):
    answer.body["requestId"] = f"{answer.body['requestId'][:24]}000000000000"
