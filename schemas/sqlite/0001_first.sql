-- The first schema: accounts, refresh families, media, jobs, chunks, and the embedded queue.
--
-- Instants are microseconds since the Unix epoch, UTC. Columns named as JSON hold the document of the
-- shape with that name in scribed-schemas. Booleans are 0 and 1.

CREATE TABLE accounts (
    id             INTEGER PRIMARY KEY,
    username       TEXT    NOT NULL UNIQUE,
    password_hash  TEXT    NOT NULL,
    role           TEXT    NOT NULL,
    active         INTEGER NOT NULL CHECK (active IN (0, 1)),
    can_interact   INTEGER NOT NULL CHECK (can_interact IN (0, 1)),
    password_epoch INTEGER NOT NULL,
    created        INTEGER NOT NULL,
    updated        INTEGER NOT NULL
) STRICT;

-- One login and all that follows from it; only hashes of tokens are kept.
CREATE TABLE refresh_families (
    id        TEXT    PRIMARY KEY,
    account   INTEGER NOT NULL,
    current   TEXT    NOT NULL,
    previous  TEXT,
    exchanged INTEGER,
    expires   INTEGER NOT NULL,
    revoked   INTEGER NOT NULL CHECK (revoked IN (0, 1)),
    CHECK ((previous IS NULL) = (exchanged IS NULL))
) STRICT;

CREATE INDEX refresh_families_by_account ON refresh_families (account);

CREATE TABLE media (
    id           INTEGER PRIMARY KEY,
    owner        INTEGER NOT NULL,
    key          TEXT    NOT NULL,
    file_name    TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    size         INTEGER NOT NULL CHECK (size >= 0),
    created      INTEGER NOT NULL
) STRICT;

CREATE TABLE jobs (
    id               INTEGER PRIMARY KEY,
    owner            INTEGER NOT NULL,
    name             TEXT    NOT NULL,
    media            INTEGER REFERENCES media (id),
    pipeline         TEXT    NOT NULL,
    options          TEXT    NOT NULL,  -- JSON JobOptions
    priority         INTEGER NOT NULL CHECK (priority IN (0, 1)),  -- 0 before 1: priority, standard
    state            TEXT    NOT NULL,
    error_count      INTEGER NOT NULL,
    fault            TEXT,              -- JSON Fault
    facts            TEXT,              -- JSON MediaFacts
    warnings         TEXT    NOT NULL,  -- JSON [Warning]
    progress_frames  INTEGER NOT NULL,
    ready_chunks     INTEGER NOT NULL,
    planned_chunks   INTEGER,
    chunk_limit_secs INTEGER NOT NULL,
    description      TEXT    NOT NULL,
    lease_holder     TEXT,
    lease_until      INTEGER,
    fence            INTEGER NOT NULL,
    not_before       INTEGER NOT NULL,
    created          INTEGER NOT NULL,
    updated          INTEGER NOT NULL,
    finished         INTEGER,
    CHECK ((lease_holder IS NULL) = (lease_until IS NULL)),
    CHECK ((state = 'in_progress') = (lease_until IS NOT NULL))
) STRICT;

-- Lists, newest first: a page far behind walks only these narrow entries.
CREATE INDEX jobs_by_created ON jobs (created, id);
CREATE INDEX jobs_by_owner ON jobs (owner, created, id);
-- The jobs of an owner that are not done.
CREATE INDEX jobs_open ON jobs (owner, created, id) WHERE finished IS NULL;
-- What may be claimed, in the order of claiming; what still waits is passed over without its row.
CREATE INDEX jobs_claimable ON jobs (priority, created, id, not_before, state)
    WHERE state IN ('queued', 'processing_error');
-- What may have been lost.
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'in_progress';

-- How many jobs an owner has, so that a page of a long list need not count them.
CREATE TABLE job_counts (
    owner INTEGER PRIMARY KEY,
    jobs  INTEGER NOT NULL
) STRICT;

CREATE TRIGGER jobs_counted AFTER INSERT ON jobs BEGIN
    INSERT INTO job_counts (owner, jobs) VALUES (new.owner, 1)
        ON CONFLICT (owner) DO UPDATE SET jobs = jobs + 1;
END;

CREATE TRIGGER jobs_uncounted AFTER DELETE ON jobs BEGIN
    UPDATE job_counts SET jobs = jobs - 1 WHERE owner = old.owner;
END;

-- Callers' names for submissions.
CREATE TABLE submissions (
    owner       INTEGER NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    job         INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

-- A rowid table: its documents are long, and its key index alone answers which numbers are there.
CREATE TABLE chunks (
    job      INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    segments TEXT    NOT NULL,  -- JSON Segments
    PRIMARY KEY (job, number)
) STRICT;

-- The embedded queue. `position` is the offset, which SQL reserves.
CREATE TABLE messages (
    topic    TEXT    NOT NULL,
    position INTEGER NOT NULL,
    key      TEXT    NOT NULL,
    headers  TEXT    NOT NULL,  -- JSON [[name, value]]
    payload  BLOB    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (topic, position)
) STRICT;

CREATE TABLE consumer_groups (
    topic    TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (topic, name)
) STRICT, WITHOUT ROWID;
