-- How the sums of a stratum, or of all of an epoch (operation ''), grew (shadow.ledger.rows.Course). `points` is a JSON
-- array of [effective, wrong, first, failed, [[reason, left out after], ...]], without the zeros at the end. Of the rows
-- from before it is known what they add up to, and not when.
CREATE TABLE course (
    capability TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    operation  TEXT NOT NULL,
    status     TEXT NOT NULL,
    resource   TEXT NOT NULL,
    shape      TEXT NOT NULL,
    asked      TEXT NOT NULL,
    points     TEXT NOT NULL,
    PRIMARY KEY (capability, legacy, modern, rules, comparator, operation, status, resource, shape, asked)
) WITHOUT ROWID;
INSERT INTO course
SELECT capability, legacy, modern, rules, comparator, operation, status, resource, shape, asked,
    json_array(json_array(0), json_array(
        sum(effective), sum(iif(outcome = 'mismatch', effective, 0)), 0,
        sum(iif(outcome = 'candidate_error', effective, 0))))
FROM evidence GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 HAVING sum(effective) > 0;
INSERT INTO course
SELECT capability, legacy, modern, rules, comparator, '', '', '', '', '',
    json_array(json_array(0), json_array(
        sum(effective), sum(iif(outcome = 'mismatch', effective, 0)), 0,
        sum(iif(outcome = 'candidate_error', effective, 0))))
FROM evidence GROUP BY 1, 2, 3, 4, 5 HAVING sum(effective) > 0;
