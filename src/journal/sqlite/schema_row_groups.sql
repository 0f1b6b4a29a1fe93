-- The rows of other tables are found by their audit row. All other tables have `seq` as their key.
CREATE INDEX jobs_of_seq ON jobs (seq);
-- The audit row of the newest recipients.
CREATE INDEX recipient_rows ON audit (seq) WHERE iif(json_valid(row), json_extract(row, '$.action'), NULL)
    IN ('recipients-first', 'recipients-acknowledged');
-- Some audit rows bind all rows before them as they are: `digest` covers the rows of every table from `first` to `last`.
CREATE TABLE row_groups (
    seq INTEGER NOT NULL REFERENCES audit, first INTEGER NOT NULL, last INTEGER NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (seq, first)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER row_groups_stay BEFORE UPDATE ON row_groups
    BEGIN SELECT RAISE(ABORT, 'rows of row_groups are never altered'); END;
CREATE TRIGGER row_groups_last BEFORE DELETE ON row_groups
    BEGIN SELECT RAISE(ABORT, 'rows of row_groups are never deleted'); END;
