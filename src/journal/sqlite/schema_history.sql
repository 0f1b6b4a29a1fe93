-- How far a start has checked: every audit row before `seq`, of which `hash` is the last one, and the escrow file up to
-- `escrow_bytes`, in these files (device and inode). Its digest is chained to that of the checkpoint `after`, if there is
-- one. `open` lists the `seq` of each change that was open then.
CREATE TABLE checkpoints (
    seq INTEGER PRIMARY KEY REFERENCES audit, after INTEGER REFERENCES checkpoints, hash BLOB NOT NULL,
    journal_file TEXT NOT NULL, escrow_file TEXT NOT NULL,
    escrow_bytes INTEGER NOT NULL, escrow_lines INTEGER NOT NULL, escrow_digest BLOB NOT NULL, open TEXT NOT NULL
) STRICT;
CREATE TRIGGER checkpoints_stay BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'rows of checkpoints are never altered'); END;
CREATE TRIGGER checkpoints_last BEFORE DELETE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'rows of checkpoints are never deleted'); END;

-- The following tables are derived from other records, and can be made again from them.

-- Where the lines of the escrow file are that can be parsed.
CREATE TABLE escrow_lines (
    offset INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, line INTEGER NOT NULL, number TEXT NOT NULL
) STRICT;
CREATE INDEX escrow_lines_of_number ON escrow_lines (number);

-- How many numbers of a job are in each state, once no process works on the job.
CREATE TABLE job_tallies (
    job INTEGER PRIMARY KEY REFERENCES jobs, not_started INTEGER NOT NULL, was_set INTEGER NOT NULL,
    failed INTEGER NOT NULL, not_sent INTEGER NOT NULL, no_answer INTEGER NOT NULL, not_applied INTEGER NOT NULL,
    resolved INTEGER NOT NULL, resumable INTEGER NOT NULL
) STRICT;
-- The numbers of these jobs whose state a later record of another job can change, as they are counted.
CREATE TABLE job_rests (
    job INTEGER NOT NULL REFERENCES job_tallies, number TEXT NOT NULL, state TEXT NOT NULL, resumable INTEGER NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_rests_of_number ON job_rests (number);
-- The jobs without a row in `job_tallies`.
CREATE TABLE untallied_jobs (job INTEGER PRIMARY KEY REFERENCES jobs) STRICT;
INSERT INTO untallied_jobs SELECT job FROM jobs;
