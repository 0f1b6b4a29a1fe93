-- A run works on a job no longer, although it may be alive. Without a row, it works on the job as long as it is alive, or
-- until every number of a job that it did not resume has an outcome.
CREATE TABLE job_ends (
    seq INTEGER PRIMARY KEY REFERENCES audit, job INTEGER NOT NULL REFERENCES jobs, run TEXT NOT NULL REFERENCES runs,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX job_ends_of_job ON job_ends (job, run, seq);
CREATE TRIGGER job_ends_stay BEFORE UPDATE ON job_ends
    BEGIN SELECT RAISE(ABORT, 'rows of job_ends are never altered'); END;
CREATE TRIGGER job_ends_last BEFORE DELETE ON job_ends
    BEGIN SELECT RAISE(ABORT, 'rows of job_ends are never deleted'); END;
