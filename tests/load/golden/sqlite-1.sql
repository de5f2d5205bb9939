-- A database as a program with the first migration alone left it when its host died: an account, and a
-- job that is done, one that waits, one in work, and one that failed once. Recordings are named by seed.

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

INSERT INTO accounts VALUES (1, 'golden', '$argon2id$v=19$m=19456,t=2,p=1$sbp08gIfaWp0GKnvpPIARw$gvfy5LJet3q8vnVl1HLjCeKtp9d6qjmg6U+Lea/To2Y', 'user', 1, 1, 0, 1767312000000000, 1767312000000000);
INSERT INTO media VALUES (1, 1, 'recordings/1', '0.wav', 'audio/wav', 64044, 1767312001000000);
INSERT INTO jobs VALUES (1, 1, '0.wav', 1, 'default', '{}', 1, 'completed', 0, NULL, '{"container":"wav","codec":"pcm_s16le","sample_rate":16000,"channels":1,"frames":32000}', '[]', 32000, 20, 20, 30, '', NULL, NULL, 1, 1767312001000000, 1767312001000000, 1767312002000000, 1767312009000000);
INSERT INTO chunks VALUES (1, 0, '{"schema":"scribed.segments/1","chunk":0,"sample_rate":16000,"start":0,"end":1600,"segments":[{"start":0,"end":1600,"text":"india papa kilo bravo papa november charlie india oscar mike golf juliett delta charlie india charlie","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 1, '{"schema":"scribed.segments/1","chunk":1,"sample_rate":16000,"start":1600,"end":3200,"segments":[{"start":1600,"end":3200,"text":"hotel echo papa mike echo november echo alfa foxtrot golf juliett alfa lima bravo delta alfa","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 2, '{"schema":"scribed.segments/1","chunk":2,"sample_rate":16000,"start":3200,"end":4800,"segments":[{"start":3200,"end":4800,"text":"delta golf november kilo delta delta echo india alfa oscar lima golf india papa kilo echo","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 3, '{"schema":"scribed.segments/1","chunk":3,"sample_rate":16000,"start":4800,"end":6400,"segments":[{"start":4800,"end":6400,"text":"charlie foxtrot oscar echo foxtrot hotel oscar hotel mike papa alfa juliett mike delta papa charlie","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 4, '{"schema":"scribed.segments/1","chunk":4,"sample_rate":16000,"start":6400,"end":8000,"segments":[{"start":6400,"end":8000,"text":"delta charlie golf lima echo november november hotel foxtrot november foxtrot hotel golf bravo echo oscar","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 5, '{"schema":"scribed.segments/1","chunk":5,"sample_rate":16000,"start":8000,"end":9600,"segments":[{"start":8000,"end":9600,"text":"mike oscar oscar echo delta charlie oscar november foxtrot november bravo november bravo bravo alfa delta","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 6, '{"schema":"scribed.segments/1","chunk":6,"sample_rate":16000,"start":9600,"end":11200,"segments":[{"start":9600,"end":11200,"text":"charlie charlie charlie foxtrot golf golf india kilo golf kilo bravo oscar charlie golf kilo golf","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 7, '{"schema":"scribed.segments/1","chunk":7,"sample_rate":16000,"start":11200,"end":12800,"segments":[{"start":11200,"end":12800,"text":"india papa echo echo oscar delta alfa juliett hotel hotel alfa november oscar charlie charlie papa","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 8, '{"schema":"scribed.segments/1","chunk":8,"sample_rate":16000,"start":12800,"end":14400,"segments":[{"start":12800,"end":14400,"text":"golf papa foxtrot delta oscar mike kilo alfa golf lima charlie india foxtrot juliett november papa","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 9, '{"schema":"scribed.segments/1","chunk":9,"sample_rate":16000,"start":14400,"end":16000,"segments":[{"start":14400,"end":16000,"text":"bravo oscar hotel golf papa alfa delta kilo oscar november papa foxtrot kilo charlie charlie bravo","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 10, '{"schema":"scribed.segments/1","chunk":10,"sample_rate":16000,"start":16000,"end":17600,"segments":[{"start":16000,"end":17600,"text":"alfa delta alfa india delta hotel echo kilo golf echo india golf india golf echo papa","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 11, '{"schema":"scribed.segments/1","chunk":11,"sample_rate":16000,"start":17600,"end":19200,"segments":[{"start":17600,"end":19200,"text":"bravo november charlie mike juliett echo india foxtrot papa alfa foxtrot foxtrot kilo november hotel golf","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 12, '{"schema":"scribed.segments/1","chunk":12,"sample_rate":16000,"start":19200,"end":20800,"segments":[{"start":19200,"end":20800,"text":"golf echo oscar mike mike november india alfa echo charlie november mike juliett alfa india lima","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 13, '{"schema":"scribed.segments/1","chunk":13,"sample_rate":16000,"start":20800,"end":22400,"segments":[{"start":20800,"end":22400,"text":"papa juliett kilo juliett echo echo hotel mike mike kilo delta bravo papa alfa juliett delta","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 14, '{"schema":"scribed.segments/1","chunk":14,"sample_rate":16000,"start":22400,"end":24000,"segments":[{"start":22400,"end":24000,"text":"lima echo mike november echo lima golf papa bravo oscar bravo juliett charlie mike alfa oscar","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 15, '{"schema":"scribed.segments/1","chunk":15,"sample_rate":16000,"start":24000,"end":25600,"segments":[{"start":24000,"end":25600,"text":"juliett oscar papa charlie bravo oscar foxtrot kilo juliett golf juliett november november lima juliett echo","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 16, '{"schema":"scribed.segments/1","chunk":16,"sample_rate":16000,"start":25600,"end":27200,"segments":[{"start":25600,"end":27200,"text":"delta mike bravo golf papa echo kilo delta mike kilo bravo delta foxtrot papa hotel golf","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 17, '{"schema":"scribed.segments/1","chunk":17,"sample_rate":16000,"start":27200,"end":28800,"segments":[{"start":27200,"end":28800,"text":"india lima golf hotel hotel oscar charlie papa delta lima echo alfa foxtrot bravo echo mike","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 18, '{"schema":"scribed.segments/1","chunk":18,"sample_rate":16000,"start":28800,"end":30400,"segments":[{"start":28800,"end":30400,"text":"charlie foxtrot kilo papa foxtrot mike delta kilo bravo golf mike kilo alfa india mike hotel","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (1, 19, '{"schema":"scribed.segments/1","chunk":19,"sample_rate":16000,"start":30400,"end":32000,"segments":[{"start":30400,"end":32000,"text":"echo delta oscar alfa delta echo kilo echo hotel foxtrot alfa echo echo kilo india kilo","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO media VALUES (2, 1, 'recordings/2', '1.wav', 'audio/wav', 64044, 1767312002000000);
INSERT INTO jobs VALUES (2, 1, '1.wav', 2, 'default', '{}', 1, 'queued', 0, NULL, '{"container":"wav","codec":"pcm_s16le","sample_rate":16000,"channels":1,"frames":32000}', '[]', 0, 0, NULL, 30, '', NULL, NULL, 0, 1767312002000000, 1767312002000000, 1767312003000000, NULL);
INSERT INTO media VALUES (3, 1, 'recordings/3', '2.wav', 'audio/wav', 64044, 1767312003000000);
INSERT INTO jobs VALUES (3, 1, '2.wav', 3, 'default', '{}', 1, 'in_progress', 0, NULL, '{"container":"wav","codec":"pcm_s16le","sample_rate":16000,"channels":1,"frames":32000}', '[]', 8000, 5, NULL, 30, '', 'a-host-that-is-gone', 1767312040000000, 2, 1767312003000000, 1767312003000000, 1767312004000000, NULL);
INSERT INTO chunks VALUES (3, 0, '{"schema":"scribed.segments/1","chunk":0,"sample_rate":16000,"start":0,"end":1600,"segments":[{"start":0,"end":1600,"text":"echo echo golf kilo delta papa lima charlie november mike kilo charlie oscar india papa foxtrot","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (3, 1, '{"schema":"scribed.segments/1","chunk":1,"sample_rate":16000,"start":1600,"end":3200,"segments":[{"start":1600,"end":3200,"text":"juliett india oscar papa charlie golf mike kilo oscar hotel oscar november november golf charlie kilo","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (3, 2, '{"schema":"scribed.segments/1","chunk":2,"sample_rate":16000,"start":3200,"end":4800,"segments":[{"start":3200,"end":4800,"text":"charlie golf india delta kilo india hotel echo mike bravo mike delta delta alfa delta november","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (3, 3, '{"schema":"scribed.segments/1","chunk":3,"sample_rate":16000,"start":4800,"end":6400,"segments":[{"start":4800,"end":6400,"text":"hotel hotel india kilo oscar november kilo juliett charlie mike hotel hotel papa mike delta golf","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO chunks VALUES (3, 4, '{"schema":"scribed.segments/1","chunk":4,"sample_rate":16000,"start":6400,"end":8000,"segments":[{"start":6400,"end":8000,"text":"lima india mike alfa hotel oscar kilo india oscar delta lima india delta golf hotel papa","avg_log_prob":0.0,"no_speech_prob":0.0,"temperature":0.0}]}');
INSERT INTO media VALUES (4, 1, 'recordings/4', '3.wav', 'audio/wav', 64044, 1767312004000000);
INSERT INTO jobs VALUES (4, 1, '3.wav', 4, 'default', '{}', 1, 'processing_error', 1, '{"code":"stage_failed","message":"the recogniser failed once"}', '{"container":"wav","codec":"pcm_s16le","sample_rate":16000,"channels":1,"frames":32000}', '[]', 0, 0, NULL, 30, '', NULL, NULL, 1, 1767312060000000, 1767312004000000, 1767312005000000, NULL);

-- "SCRB" in ASCII.
PRAGMA application_id = 1396920898;
PRAGMA user_version = 1;
