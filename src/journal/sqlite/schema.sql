-- `at` is UTC, and `up` is the time since the machine started, which cannot be set. Both are in seconds.
-- `seq` is the number of the audit row that was written together with a row, so all rows have one common order.

CREATE TABLE runs (
    run TEXT PRIMARY KEY, at INTEGER NOT NULL, pid INTEGER NOT NULL, boot TEXT, version TEXT NOT NULL,
    host TEXT NOT NULL, uid INTEGER NOT NULL, euid INTEGER NOT NULL, who TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (seq INTEGER PRIMARY KEY, row TEXT NOT NULL, hash BLOB NOT NULL,
    number TEXT GENERATED ALWAYS AS (iif(json_valid(row), json_extract(row, '$.phone_number_id'), NULL)) VIRTUAL
) STRICT;
CREATE INDEX audit_of_number ON audit (number, seq) WHERE number IS NOT NULL;
-- Each start queries the findings, which are few of many rows.
CREATE INDEX findings ON audit (seq) WHERE iif(json_valid(row), json_extract(row, '$.action'), NULL) = 'found';

CREATE TABLE jobs (
    job INTEGER PRIMARY KEY, seq INTEGER NOT NULL REFERENCES audit, run TEXT NOT NULL REFERENCES runs,
    at INTEGER NOT NULL, profile TEXT NOT NULL, pins TEXT NOT NULL CHECK (pins IN ('given', 'random'))
) STRICT;

CREATE TABLE job_numbers (
    job INTEGER NOT NULL REFERENCES jobs, place INTEGER NOT NULL, number TEXT NOT NULL, waba TEXT,
    PRIMARY KEY (job, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE resumptions (
    seq INTEGER PRIMARY KEY REFERENCES audit, job INTEGER NOT NULL REFERENCES jobs, run TEXT NOT NULL REFERENCES runs,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX resumptions_of_job ON resumptions (job);

-- `run` is NULL if only the escrow file had the change. `job` is NULL if the job is unknown.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY REFERENCES audit, change TEXT NOT NULL UNIQUE, job INTEGER REFERENCES jobs,
    run TEXT REFERENCES runs, number TEXT NOT NULL, waba TEXT,
    before TEXT NOT NULL CHECK (before IN ('on', 'not_set', 'unknown')), at INTEGER NOT NULL, sealed BLOB
) STRICT;
CREATE INDEX changes_of_number ON changes (number);
CREATE INDEX changes_of_job ON changes (job);

CREATE TABLE tries (
    seq INTEGER PRIMARY KEY REFERENCES audit, change TEXT NOT NULL REFERENCES changes (change),
    run TEXT NOT NULL REFERENCES runs, attempt INTEGER NOT NULL, at INTEGER NOT NULL, up INTEGER
) STRICT;
CREATE INDEX tries_of_change ON tries (change, seq);

-- A change that was stopped before its intent was recorded has a row only here.
CREATE TABLE outcomes (
    seq INTEGER PRIMARY KEY REFERENCES audit, change TEXT NOT NULL, job INTEGER, number TEXT NOT NULL, waba TEXT,
    at INTEGER NOT NULL, up INTEGER, tries INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('set', 'failed', 'not_sent', 'no_answer')), detail TEXT NOT NULL,
    repeats INTEGER NOT NULL CHECK (repeats IN (0, 1))
) STRICT;
CREATE INDEX outcomes_of_change ON outcomes (change, seq);
CREATE INDEX outcomes_of_job ON outcomes (job);
CREATE INDEX confirmations ON outcomes (number, seq) WHERE kind = 'set';

CREATE TABLE settlements (
    seq INTEGER PRIMARY KEY REFERENCES audit, change TEXT NOT NULL REFERENCES changes (change),
    at INTEGER NOT NULL, how TEXT NOT NULL CHECK (how IN ('nothing_in_force', 'by_hand')), note TEXT
) STRICT;
CREATE INDEX settlements_of_change ON settlements (change, seq);

-- The last row has the stored recipients, as a JSON list of fingerprints.
CREATE TABLE recipients (
    seq INTEGER PRIMARY KEY REFERENCES audit, at INTEGER NOT NULL, fingerprints TEXT NOT NULL
) STRICT;

-- Only a cache: the only table whose rows are replaced and deleted.
CREATE TABLE numbers (
    profile TEXT NOT NULL, number TEXT NOT NULL, waba TEXT, waba_name TEXT, display TEXT, name TEXT,
    two_step TEXT NOT NULL, status TEXT, quality_rating TEXT, code_verification_status TEXT, name_status TEXT,
    platform_type TEXT, account_mode TEXT, read_at INTEGER,
    PRIMARY KEY (profile, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER runs_stay BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'rows of runs are never altered'); END;
CREATE TRIGGER runs_last BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'rows of runs are never deleted'); END;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'rows of audit are never altered'); END;
CREATE TRIGGER audit_lasts BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'rows of audit are never deleted'); END;
CREATE TRIGGER jobs_stay BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'rows of jobs are never altered'); END;
CREATE TRIGGER jobs_last BEFORE DELETE ON jobs BEGIN SELECT RAISE(ABORT, 'rows of jobs are never deleted'); END;
CREATE TRIGGER job_numbers_stay BEFORE UPDATE ON job_numbers
    BEGIN SELECT RAISE(ABORT, 'rows of job_numbers are never altered'); END;
CREATE TRIGGER job_numbers_last BEFORE DELETE ON job_numbers
    BEGIN SELECT RAISE(ABORT, 'rows of job_numbers are never deleted'); END;
CREATE TRIGGER resumptions_stay BEFORE UPDATE ON resumptions
    BEGIN SELECT RAISE(ABORT, 'rows of resumptions are never altered'); END;
CREATE TRIGGER resumptions_last BEFORE DELETE ON resumptions
    BEGIN SELECT RAISE(ABORT, 'rows of resumptions are never deleted'); END;
CREATE TRIGGER changes_stay BEFORE UPDATE ON changes
    BEGIN SELECT RAISE(ABORT, 'rows of changes are never altered'); END;
CREATE TRIGGER changes_last BEFORE DELETE ON changes
    BEGIN SELECT RAISE(ABORT, 'rows of changes are never deleted'); END;
CREATE TRIGGER tries_stay BEFORE UPDATE ON tries BEGIN SELECT RAISE(ABORT, 'rows of tries are never altered'); END;
CREATE TRIGGER tries_last BEFORE DELETE ON tries BEGIN SELECT RAISE(ABORT, 'rows of tries are never deleted'); END;
CREATE TRIGGER outcomes_stay BEFORE UPDATE ON outcomes
    BEGIN SELECT RAISE(ABORT, 'rows of outcomes are never altered'); END;
CREATE TRIGGER outcomes_last BEFORE DELETE ON outcomes
    BEGIN SELECT RAISE(ABORT, 'rows of outcomes are never deleted'); END;
CREATE TRIGGER settlements_stay BEFORE UPDATE ON settlements
    BEGIN SELECT RAISE(ABORT, 'rows of settlements are never altered'); END;
CREATE TRIGGER settlements_last BEFORE DELETE ON settlements
    BEGIN SELECT RAISE(ABORT, 'rows of settlements are never deleted'); END;
CREATE TRIGGER recipients_stay BEFORE UPDATE ON recipients
    BEGIN SELECT RAISE(ABORT, 'rows of recipients are never altered'); END;
CREATE TRIGGER recipients_last BEFORE DELETE ON recipients
    BEGIN SELECT RAISE(ABORT, 'rows of recipients are never deleted'); END;
