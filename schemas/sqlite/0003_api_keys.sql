-- API keys, and what it takes to delete a job without reading whole tables.

-- Only hashes of keys are kept.
CREATE TABLE api_keys (
    hash    TEXT    PRIMARY KEY,
    id      INTEGER NOT NULL,
    account INTEGER NOT NULL,
    label   TEXT    NOT NULL,
    scopes  TEXT    NOT NULL,  -- words with blanks between
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER,
    UNIQUE (account, id)
) STRICT, WITHOUT ROWID;

-- Who refers to a job or a recording that is about to go.
CREATE INDEX submissions_by_job ON submissions (job);
CREATE INDEX jobs_by_media ON jobs (media);
