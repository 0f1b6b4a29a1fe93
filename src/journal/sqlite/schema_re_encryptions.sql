-- A PIN of the escrow that was encrypted again, to the recipients that were stored last before `seq`. The change keeps the
-- PIN that it was sent with.
CREATE TABLE re_encryptions (
    seq INTEGER PRIMARY KEY REFERENCES audit, change TEXT NOT NULL REFERENCES changes (change), at INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE TRIGGER re_encryptions_stay BEFORE UPDATE ON re_encryptions
    BEGIN SELECT RAISE(ABORT, 'rows of re_encryptions are never altered'); END;
CREATE TRIGGER re_encryptions_last BEFORE DELETE ON re_encryptions
    BEGIN SELECT RAISE(ABORT, 'rows of re_encryptions are never deleted'); END;
-- The console shows the last drill, one of many rows.
CREATE INDEX drills ON audit (seq) WHERE iif(json_valid(row), json_extract(row, '$.action'), NULL) = 'drill';
