-- What programs with the second and the third migration made of a database of the first, one after the
-- other, and what the last of them had added when its host died: a job that waits, under its client's key,
-- news of jobs that are and are not told, and two API keys, of which one is revoked. Recordings are named
-- by seed.

ALTER TABLE jobs ADD COLUMN outbox TEXT;  -- JSON Outbox
ALTER TABLE jobs ADD COLUMN has_news INTEGER NOT NULL DEFAULT 0 CHECK (has_news IN (0, 1));
CREATE INDEX jobs_untold ON jobs (id, updated) WHERE has_news = 1 AND state <> 'in_progress';

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

CREATE INDEX submissions_by_job ON submissions (job);
CREATE INDEX jobs_by_media ON jobs (media);

-- All is told of the job that is done, and of the one in work how far it has come but for its last chunks.
UPDATE jobs SET outbox = '{"changes":3,"pending":[],"chunks":20,"transcript":true}' WHERE id = 1;
UPDATE jobs SET outbox = '{"changes":2,"pending":[],"chunks":3,"transcript":false}', has_news = 1 WHERE id = 3;

INSERT INTO media VALUES (5, 1, 'recordings/5', '4.wav', 'audio/wav', 64044, 1767312005000000);
INSERT INTO jobs VALUES (5, 1, '4.wav', 5, 'default', '{"reference":"case 7"}', 1, 'queued', 0, NULL, '{"container":"wav","codec":"pcm_s16le","sample_rate":16000,"channels":1,"frames":32000}', '[]', 0, 0, NULL, 30, '', NULL, NULL, 0, 0, 1767312005000000, 1767312005000000, NULL, '{"changes":1,"pending":[{"number":0,"state":"queued","at":1767312005000000}],"chunks":0,"transcript":false}', 1);
-- The fingerprint is the SHA-256 of the recording.
INSERT INTO submissions VALUES (1, 'golden-4', '8c94b9d9a2b20346cf5e7ac89864e00a206a2ebc829c70543608d031b3c0a1fb', 5);
-- The hash is the SHA-256 of "scribed_" with 32 times "a5" behind it, and with 32 times "5a".
INSERT INTO api_keys VALUES ('5680cab20c260821dfbcebfcbc69b022edd3d97754c3accc714bf62d9ec2c1e3', 6, 1, 'in force', 'read submit delete', 1767312006000000, NULL, NULL);
INSERT INTO api_keys VALUES ('5972e18f408d29cb47785f019b0be67243dd386327a7ab1dc174ffd732550a53', 7, 1, 'revoked', 'read', 1767312006000000, NULL, 1767312007000000);

PRAGMA user_version = 3;
